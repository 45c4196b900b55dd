import type { Logger } from '../../shared/runtime/logger.ts';
import { errorFields, silentLogger } from '../../shared/runtime/logger.ts';
import type { SiteConfig } from '../config.ts';
import type { ModelRegistry } from '../models/registry.ts';
import type { EngineChoice } from '../training/engine-choice.ts';
import { openTrainer } from '../training/open-trainer.ts';
import type { Trainer } from '../training/trainer.ts';
import { TrainingError } from '../training/training-error.ts';
import { engineOptions } from './engine-options.ts';

/** Whether an engine that is named starts here: what it runs on, or why it does not. */
export interface EngineCheck {
  readonly name: EngineChoice;
  readonly runsOn: string | null;
  readonly refusal: { readonly code: string; readonly message: string } | null;
}

/** Opens the engine that site.yaml names, and closes it again. Null for `auto`, which takes what starts. */
export async function checkEngine(directory: string, config: SiteConfig): Promise<EngineCheck | null> {
  const name = config.engine;
  if (name === 'auto') return null;
  try {
    const trainer = await openTrainer(name, silentLogger, engineOptions(directory, config));
    const runsOn = trainer.description;
    await trainer.dispose();
    return { name, runsOn, refusal: null };
  } catch (error) {
    if (!(error instanceof TrainingError)) throw error;
    return { name, runsOn: null, refusal: { code: error.fullCode, message: error.message } };
  }
}

/** What judges and scores is onnxruntime on the CPU, whatever trains. */
const judges: ReadonlySet<EngineChoice> = new Set(['onnx', 'onnx-cpu']);

/**
 * Opens the engine that site.yaml names before the agent attends, so that whoever starts it sees that it does not start, and not the
 * operator at the first round. Where a model is in use or held here the agent goes on without: it would leave patients' scores and the
 * watch over them undone, and rounds are declined until the engine starts. With `auto` there is nothing to wait for.
 *
 * @throws TrainingError `engine_missing`
 */
export async function awaitNamedEngine(
  parts: { readonly config: SiteConfig; readonly registry: ModelRegistry; readonly log: Logger },
  open: () => Promise<Trainer>,
): Promise<void> {
  const { engine } = parts.config;
  if (engine === 'auto') return;
  try {
    await open();
  } catch (error) {
    if (!(error instanceof TrainingError) || judges.has(engine)) throw error;
    const watched = parts.registry.releases().filter(({ slot }) => slot === 'active' || slot === 'candidate');
    if (watched.length === 0) throw error;
    parts.log.error(
      { ...errorFields(error), engine, reason: error.message, releases: watched.map(({ version }) => version) },
      'the engine that site.yaml names does not start: rounds are declined, models here are judged and watched',
    );
  }
}
