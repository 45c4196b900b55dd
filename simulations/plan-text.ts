import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { type LoadedPlan, loadPlan } from '../shared/plan/load-plan.ts';
import { filesBeside } from '../shared/plan/model-file.ts';
import { SimulationError } from './simulation-error.ts';

/** A plan file with some values changed, its comments kept. */
export interface PlanText {
  readonly text: string;
  readonly loaded: LoadedPlan;
}

/**
 * Reads a plan file and puts other values at some paths, such as `{ 'training.seed': 3 }`.
 * @throws SimulationError `scenario_invalid` when the file cannot be read; PlanError when the result is no plan
 */
export function planWith(file: string, changes: Readonly<Record<string, unknown>>): PlanText {
  let source: string;
  try {
    source = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new SimulationError('scenario_invalid', `The plan ${file} cannot be read.`, { file }, cause);
  }
  const document = parseDocument(source);
  // A broken file is left as it is: loading it says what is wrong, with the line.
  if (document.errors.length === 0) {
    for (const [path, value] of Object.entries(changes)) document.setIn(path.split('.'), value);
  }
  const text = document.errors.length === 0 ? document.toString({ lineWidth: 120 }) : source;
  const loaded = loadPlan(text, file, filesBeside(file));
  // With the network of an ONNX file in it, the plan is what was made of the text.
  return { text: loaded.baseWeights === undefined ? text : loaded.canonical, loaded };
}
