import type { BenchRow } from '../support/bench.ts';
import type { EngineCase } from './cases.ts';
import type { Measured } from './turns.ts';

/** How far losses and changes of weights may be apart, as a share of them. */
const tolerance = 1e-3;
/** Of native TensorFlow's time on fully connected networks, the most that the onnx engine may take. */
const goalAgainstNative = 0.5;

const apart = (a: number, b: number): number => Math.abs(a - b) / Math.max(Math.abs(b), Number.MIN_VALUE);

function quickest(found: readonly Measured[]): Measured | undefined {
  return found.toSorted((a, b) => a.ms - b.ms)[0];
}

/** Times against the quicker PyTorch, and peak memory. */
export function rowsOf(one: EngineCase, measured: readonly Measured[]): BenchRow[] {
  const steps = Math.ceil(one.rows / one.batch);
  const theirs = measured.filter(({ name }) => name.startsWith('pytorch'));
  // PyTorch's numbers are the measure where it takes part, as it was not written here.
  const measure = theirs[0] ?? measured[0];
  if (measure === undefined) return [];
  const agrees = ({ loss, change }: Measured): boolean =>
    apart(loss, measure.loss) <= tolerance && apart(change, measure.change) <= tolerance;

  const named = ({ name }: Measured): string => `${one.name}, ${name}`;
  const right = measured.filter(agrees);
  const ours = right.filter((found) => !theirs.includes(found));
  const [reference, better] = [quickest(theirs), quickest(ours)];
  const rows = measured.flatMap((found): BenchRow[] => {
    if (!agrees(found)) {
      const goal = `within ${tolerance} of ${measure.name}`;
      return [
        { case: named(found), figure: 'loss of the last epoch', value: found.loss, unit: '1', goal, ok: false },
        { case: named(found), figure: 'length of the change', value: found.change, unit: '1', goal, ok: false },
      ];
    }
    const figure = `epoch of ${steps} steps, median of ${found.turns}`;
    const time = { case: named(found), figure, value: found.ms, unit: 'ms' };
    const compared =
      reference === undefined || found === reference
        ? time
        : { ...time, against: reference.name, ratio: found.ms / reference.ms };
    const judged =
      found === better && reference !== undefined
        ? { ...compared, goal: `at most ${one.goal} x`, ok: found.ms <= one.goal * reference.ms }
        : compared;
    return [judged, { case: named(found), figure: 'peak memory', value: found.peakMegabytes, unit: 'MiB' }];
  });
  return [...rows, ...againstNative(one, right)];
}

function againstNative(one: EngineCase, right: readonly Measured[]): BenchRow[] {
  const native = right.find(({ name }) => name === 'tfjs-node');
  const onnx = right.find(({ name }) => name === 'onnx-cpu');
  if (one.network.name !== 'mlp' || native === undefined || onnx === undefined) return [];
  return [
    {
      case: `${one.name}, onnx-cpu`,
      figure: 'epoch, beside native TensorFlow',
      value: onnx.ms,
      unit: 'ms',
      against: native.name,
      ratio: onnx.ms / native.ms,
      goal: `at most ${goalAgainstNative} x`,
      ok: onnx.ms <= goalAgainstNative * native.ms,
    },
  ];
}
