import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseAddress } from '../../certs/address.ts';
import { withFiles } from '../../certs/file-access.ts';
import { type KeyProfile, keyProfiles } from '../../certs/keys.ts';
import { commandGroup } from '../../shared/runtime/command-group.ts';
import { createLogger } from '../../shared/runtime/logger.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import { createConsortium } from '../sites/create-consortium.ts';
import { coordinatorConfigText } from './coordinator-config-text.ts';

interface InitOptions {
  readonly name: string;
  readonly address: string;
  readonly listen: string;
  readonly profile: KeyProfile;
  readonly certificateDays: number;
  readonly json?: boolean;
}

function days(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0.04 || value > 397) {
    throw new InvalidArgumentError('a number of days from 0.05 (about an hour) to 397');
  }
  return value;
}

function checkAddress(text: string): string {
  try {
    parseAddress(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
  return text;
}

function nextSteps(directory: string, rootFingerprint: string, options: InitOptions): string {
  return `The consortium ${JSON.stringify(options.name)} is in ${directory}.
Root certificate (SHA-256): ${rootFingerprint}
Sites dial ${options.address}; the coordinator listens on ${options.listen}. Settings: ${join(directory, 'coordinator.yaml')}

Next:
  wardround coordinator start ${directory}
  wardround site invite NAME --consortium ${directory}      (a token for each hospital)

Guard, in ${directory}:
  authority/root.key     Makes new authorities. The coordinator does not read it: move it to a medium that is kept
                         offline, with a copy in another place.
  authority/issuing.key  Makes the certificates of sites and operators. The coordinator needs it.
  release/key.pem        Signs released models. The coordinator needs it.
  operator/              Whoever holds this folder operates the consortium.
Back up the whole folder while the coordinator is stopped, or by a snapshot of the file system.
`;
}

export function register(program: Command): void {
  commandGroup(program, 'consortium', 'the folder a coordinator works in')
    .command('init')
    .argument('<dir>', 'an empty or new folder')
    .description('make a consortium: certificate authority, certificates, database and a commented configuration file')
    .option('--name <name>', 'name in every certificate', 'Wardround consortium')
    .option('--address <host:port>', 'what sites and operators dial', checkAddress, '127.0.0.1:7443')
    .option(
      '--listen <host:port>',
      "what the coordinator listens on (default: 127.0.0.1 with the address's port)",
      checkAddress,
    )
    .addOption(
      new Option('--profile <profile>', 'type of every key of the consortium')
        .choices([...keyProfiles])
        .default('p256'),
    )
    .option('--certificate-days <days>', 'life of server, operator and site certificates', days, 30)
    .option('--json', 'print {directory, rootFingerprint, address, listen} as JSON')
    .action(async (directory: string, given: Omit<InitOptions, 'listen'> & { readonly listen?: string }) => {
      const { port } = parseAddress(given.address);
      const options: InitOptions = { ...given, listen: given.listen ?? `127.0.0.1:${port}` };
      const { name, address, listen, profile, certificateDays } = options;
      const { rootFingerprint } = await withFiles(directory, () =>
        createConsortium(
          directory,
          {
            name,
            address,
            profile,
            lifetimes: { memberDays: certificateDays },
            config: coordinatorConfigText({ address, listen, certificateDays }),
          },
          { clock: systemClock, log: createLogger({ level: 'warn', name: 'consortium' }) },
        ),
      );
      if (options.json === true) console.log(JSON.stringify({ directory, rootFingerprint, address, listen }));
      else process.stdout.write(nextSteps(directory, rootFingerprint, options));
    });
}
