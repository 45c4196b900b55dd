import { type OutcomeFile, readOutcomeFile } from '../data/outcome-file.ts';
import { createPredictionStore, outcomeKey } from '../data/predictions.ts';
import { enterOutcomes, noOutcomes, type OutcomeCounts } from '../judging/monitor/score-rows.ts';
import { AgentError } from './agent-error.ts';
import { type PassParts, watchOutcomes } from './monitor-pass.ts';

export interface PassedOutcomes extends OutcomeFile {
  readonly model: string;
  readonly counts: OutcomeCounts;
}

/**
 * Takes the outcomes of a file for one model, joined to predictions by patient and time, and lets its monitor take them. A block of the
 * file is one transaction; the same file again changes nothing.
 * @throws DataError; AgentError `unknown_model` where no release of the model is at the site
 */
export async function takeOutcomeFile(
  parts: PassParts,
  model: string,
  path: string,
  signal: AbortSignal,
): Promise<PassedOutcomes> {
  const { plans, registry, store } = parts;
  const release =
    registry.inSlot(model, 'active') ?? registry.inSlot(model, 'candidate') ?? registry.inSlot(model, 'previous');
  const plan = release === null ? null : plans.load(release.plan);
  if (plan === null) {
    throw new AgentError('unknown_model', `No release of a model "${model}" is in use or waits at this site.`, {
      model,
    });
  }
  const contract = plan.plan.data;
  const needs = {
    predictions: createPredictionStore(store),
    contract,
    outcomeOf: outcomeKey(contract),
    nowMs: parts.clock.now(),
  };
  let counts = noOutcomes;
  const file = await readOutcomeFile(
    path,
    contract,
    (outcomes) => {
      // In an order that has nothing to do with how they came.
      const sorted = [...outcomes].sort(
        (a, b) =>
          (a.timeMs ?? 0) - (b.timeMs ?? 0) ||
          (a.patient < b.patient ? -1 : a.patient > b.patient ? 1 : a.outcome - b.outcome),
      );
      const part = store.transaction(() => enterOutcomes(needs, sorted));
      counts = {
        added: counts.added + part.added,
        known: counts.known + part.known,
        conflict: counts.conflict + part.conflict,
        early: counts.early + part.early,
        unknown: counts.unknown + part.unknown,
      };
    },
    signal,
  );
  watchOutcomes(parts, model);
  return { ...file, model, counts };
}
