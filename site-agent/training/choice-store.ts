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

const choices = z.record(z.string(), choiceSchema);

const fileSchema = z.strictObject({
  wardround: z.literal('engine-choices/1'),
  /** Versions and hardware that the choices hold for. */
  environment: z.string(),
  choices,
  /** Those of other environments, the last used first: a trial by hand with other versions must not take the agent's away. */
  others: z.array(z.strictObject({ environment: z.string(), choices })).default([]),
});

export type Measurement = z.infer<typeof measurement>;
export type RecordedChoice = z.infer<typeof choiceSchema>;

/** Remembers which engine was chosen for which kind of task, and why. */
export interface ChoiceStore {
  read(task: string): Promise<RecordedChoice | null>;
  /** @returns the choice that holds: one that somebody else recorded meanwhile stays */
  write(task: string, choice: RecordedChoice): Promise<RecordedChoice>;
  /** What was chosen has failed: it is to be measured again. */
  forget(task: string): Promise<void>;
}

/** Choices of this process only. */
export function rememberedChoices(): ChoiceStore {
  const known = new Map<string, RecordedChoice>();
  return {
    read: async (task) => known.get(task) ?? null,
    async write(task, choice) {
      known.set(task, choice);
      return choice;
    },
    forget: async (task) => void known.delete(task),
  };
}

/** Choices kept for other tasks of one environment at most; the oldest goes first. */
const mostChoices = 200;
/** Other environments whose choices are kept. */
const mostOthers = 3;
/** An entry that another process has written over meanwhile is written again as often. */
const mostTries = 3;

interface Loaded {
  readonly there: boolean;
  readonly choices: Map<string, RecordedChoice>;
  readonly others: z.infer<typeof fileSchema>['others'];
}

/**
 * Choices in a file of the site's state, so that a restart keeps them: engines agree to rounding, not to the bit. Those of other versions or other
 * hardware do not count. A file that cannot be read or written costs measuring again after a restart, and no round: this process keeps what it
 * has chosen, for a run is not to change engines half way. Whoever removes the file has everything measured again.
 */
export function storedChoices(path: string, environment: string, log: Logger): ChoiceStore {
  const held = new Map<string, RecordedChoice>();
  let written = false;
  const load = async (): Promise<Loaded> => {
    try {
      const file = fileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
      const all = [{ environment: file.environment, choices: file.choices }, ...file.others];
      const own = all.find((one) => one.environment === environment);
      if (own === undefined)
        log.info({ path }, 'engines are measured anew: their versions, or this machine, have changed');
      return {
        there: true,
        choices: new Map(Object.entries(own?.choices ?? {})),
        others: all.filter((one) => one !== own),
      };
    } catch (cause) {
      const absent = (cause as NodeJS.ErrnoException).code === 'ENOENT';
      if (!absent) log.warn({ path, error: cause }, 'the record of chosen engines cannot be read and is begun anew');
      return { there: !absent, choices: new Map(), others: [] };
    }
  };
  const current = async (): Promise<Loaded> => {
    const loaded = await load();
    if (!loaded.there && written) {
      held.clear();
      written = false;
    }
    return loaded;
  };
  const save = async (entries: ReadonlyMap<string, RecordedChoice>, others: Loaded['others']): Promise<boolean> => {
    const file: z.infer<typeof fileSchema> = {
      wardround: 'engine-choices/1',
      environment,
      choices: Object.fromEntries([...entries].slice(-mostChoices)),
      others: others.slice(0, mostOthers),
    };
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeFileAtomically(path, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
      written = true;
    } catch (cause) {
      log.warn({ path, error: cause }, 'the record of chosen engines cannot be written');
      return false;
    }
    return true;
  };
  return {
    async read(task) {
      const loaded = await current();
      const choice = loaded.choices.get(task) ?? held.get(task) ?? null;
      if (choice !== null) held.set(task, choice);
      return choice;
    },
    async write(task, choice) {
      let loaded = await current();
      const theirs = loaded.choices.get(task);
      held.set(task, theirs ?? choice);
      if (theirs !== undefined) return theirs;
      for (let tries = 0; tries < mostTries && !loaded.choices.has(task); tries++) {
        if (!(await save(new Map([...loaded.choices, ...held, [task, choice]]), loaded.others))) break;
        loaded = await load();
      }
      // Two that wrote at once both go by what the file says in the end.
      const kept = loaded.choices.get(task) ?? choice;
      held.set(task, kept);
      return kept;
    },
    async forget(task) {
      const { choices: entries, others } = await current();
      held.delete(task);
      if (entries.delete(task)) await save(entries, others);
    },
  };
}
