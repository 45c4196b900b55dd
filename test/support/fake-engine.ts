import { lossScale } from '../../shared/graph/training/loss-scaling.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import type { Engine, EngineStep, EngineTask } from '../../site-agent/training/engine.ts';
import { TrainingError } from '../../site-agent/training/training-error.ts';

/** What an engine was asked, and how it is to behave. */
export interface FakeEngine extends Engine {
  readonly opened: EngineTask[];
  readonly calls: { readonly steps: readonly EngineStep[]; readonly partRows: number }[];
  readonly evaluations: number[];
  disposals: number;
}

/**
 * An engine whose weights count the steps, so that what the loop does can be read off: each step adds 1 to every element, and its loss is
 * that of `lossOf`.
 *
 * @param options.fits rows at once beyond which it is out of memory
 * @param options.mostScale of the loss at a step, beyond which its gradients overflow; the engine computes in half precision then
 */
export function fakeEngine(
  options: {
    readonly workPerCall?: number;
    readonly workPerCheckpoint?: number;
    readonly fits?: number;
    readonly mostScale?: (step: number) => number;
    readonly lossOf?: (step: number) => number;
    readonly clippedOf?: (step: number) => number;
    readonly validationLoss?: (stepsDone: number) => number;
    readonly beforeCall?: (call: number) => void | Promise<void>;
  } = {},
): FakeEngine {
  const engine: FakeEngine = {
    engine: 'onnx',
    description: 'an engine that counts',
    mixed: options.mostScale !== undefined,
    workPerCall: options.workPerCall ?? 0,
    workPerCheckpoint: options.workPerCheckpoint ?? Number.POSITIVE_INFINITY,
    opened: [],
    calls: [],
    evaluations: [],
    disposals: 0,
    async open(task) {
      engine.opened.push(task);
      const state = new Map([...task.state].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
      const stepsDone = (): number => {
        const [name, tensor] = [...state][0] as [string, { data: Float32Array }];
        return Math.round((tensor.data[0] as number) - (task.anchors.get(name)?.data[0] as number));
      };
      const needs = (rows: number): void => {
        if (rows > (options.fits ?? Number.POSITIVE_INFINITY)) throw new TrainingError('out_of_memory', 'provoked');
      };
      return {
        async run(steps, partRows, signal) {
          await options.beforeCall?.(engine.calls.length);
          signal.throwIfAborted();
          needs(Math.min(partRows, steps[0]?.rows.length ?? 0));
          engine.calls.push({ steps, partRows });
          const { mostScale } = options;
          const begun = stepsDone();
          const overflow =
            mostScale === undefined
              ? -1
              : steps.findIndex(
                  ({ scalars }, index) => !((scalars[lossScale.name] as number) <= mostScale(begun + index)),
                );
          if (overflow !== -1) {
            return steps.slice(0, overflow + 1).map((_, index) => ({
              loss: options.lossOf?.(begun + index) ?? 1,
              ...(options.clippedOf === undefined ? {} : { clipped: 1000 }),
              overflowed: index === overflow,
            }));
          }
          return steps.map(() => {
            const done = stepsDone();
            const loss = options.lossOf?.(done) ?? 1;
            for (const name of task.anchors.keys()) {
              const { data } = state.get(name) as { data: Float32Array };
              for (let index = 0; index < data.length; index++) data[index] = (data[index] as number) + 1;
            }
            return { loss, ...(options.clippedOf === undefined ? {} : { clipped: options.clippedOf(done) }) };
          });
        },
        async evaluate(partRows) {
          needs(Math.min(partRows, task.validation?.rows ?? 0));
          engine.evaluations.push(stepsDone());
          return options.validationLoss?.(stepsDone()) ?? 1;
        },
        state: async (): Promise<NamedTensors> =>
          new Map([...state].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }])),
        async dispose() {
          engine.disposals += 1;
        },
      };
    },
    async dispose() {},
  };
  return engine;
}
