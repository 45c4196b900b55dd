import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../shared/runtime/files.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { engineChoices } from './engine-choice.ts';

const measurement = z.strictObject({
  engine: z.enum(engineChoices),
  runsOn: z.string(),
  /** Milliseconds of a step; null: it was not measured, for the reason given. */
  stepMs: z.number().nullable(),
  reason: z.string().optional(),
});

const choiceSchema = z.strictObject({
  /** What trains tasks of this kind. */
  engine: z.enum(engineChoices),
  runsOn: z.string(),
  /** Why, in a sentence. */
  because: z.string(),
  measured: z.array(measurement).readonly(),
  at: z.string(),
});

const fileSchema = z.strictObject({
  wardround: z.literal('engine-choices/1'),
  /** Versions and hardware that the choices hold for. */
  environment: z.string(),
  choices: z.record(z.string(), choiceSchema),
});

export type Measurement = z.infer<typeof measurement>;
export type RecordedChoice = z.infer<typeof choiceSchema>;

/** Remembers which engine was chosen for which kind of task, and why. */
export interface ChoiceStore {
  read(task: string): Promise<RecordedChoice | null>;
  write(task: string, choice: RecordedChoice): Promise<void>;
}

/** Choices of this process only. */
export function rememberedChoices(): ChoiceStore {
  const choices = new Map<string, RecordedChoice>();
  return {
    read: async (task) => choices.get(task) ?? null,
    write: async (task, choice) => void choices.set(task, choice),
  };
}

/** Choices kept for other tasks of one environment at most; the oldest goes first. */
const mostChoices = 200;

/**
 * Choices in a file of the site's state, so that a restart keeps them: engines agree to rounding, not to the bit. Those of other versions or other
 * hardware do not count. A file that cannot be read or written costs measuring again, and no round.
 */
export function storedChoices(path: string, environment: string, log: Logger): ChoiceStore {
  const load = async (): Promise<Map<string, RecordedChoice>> => {
    try {
      const file = fileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
      if (file.environment === environment) return new Map(Object.entries(file.choices));
      log.info({ path }, 'engines are measured anew: their versions, or this machine, have changed');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT')
        log.warn({ path, error: cause }, 'the record of chosen engines cannot be read and is begun anew');
    }
    return new Map();
  };
  return {
    read: async (task) => (await load()).get(task) ?? null,
    async write(task, choice) {
      const choices = await load();
      choices.delete(task);
      choices.set(task, choice);
      const kept = Object.fromEntries([...choices].slice(-mostChoices));
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await writeFileAtomically(
          path,
          `${JSON.stringify({ wardround: 'engine-choices/1', environment, choices: kept }, null, 2)}\n`,
          { mode: 0o600 },
        );
      } catch (cause) {
        log.warn({ path, error: cause }, 'the record of chosen engines cannot be written');
      }
    },
  };
}
