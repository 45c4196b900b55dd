import { type ErrorCatalogue, type ErrorDetails, WardroundError } from './errors.ts';
import type { ProblemCode } from './problem.ts';

export type ConfigErrorCode = 'not_found' | 'unreadable' | ProblemCode;

export const configErrors: ErrorCatalogue<ConfigErrorCode> = {
  not_found: { meaning: 'The configuration file is not there.', advice: 'fix' },
  unreadable: { meaning: 'The configuration file cannot be read: permissions, or not a file.', advice: 'fix' },
  too_large: { meaning: 'The configuration file is far larger than any configuration.', advice: 'fix' },
  yaml_syntax: { meaning: 'The configuration file is not readable as YAML.', advice: 'fix' },
  duplicate_key: { meaning: 'A key of the configuration is written twice.', advice: 'fix' },
  unknown_key: {
    meaning: 'A key of the configuration or a variable of the environment names no setting.',
    advice: 'fix',
  },
  missing_key: { meaning: 'A setting that has no default is missing.', advice: 'fix' },
  invalid_value: { meaning: 'A setting has a value of the wrong type or outside its range.', advice: 'fix' },
  inconsistent: { meaning: 'Two settings contradict each other.', advice: 'fix' },
};

/** A configuration file, or a variable of the environment that overrides it, is wrong. */
export class ConfigError extends WardroundError<ConfigErrorCode> {
  readonly subsystem = 'config';

  constructor(code: ConfigErrorCode, message: string, details?: ErrorDetails, cause?: unknown) {
    super(code, message, configErrors[code].advice, details, cause);
  }
}
