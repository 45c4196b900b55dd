import { writeFile } from 'node:fs/promises';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import type { Tensor } from '../../shared/tensors/tensor.ts';
import { batchSchedule } from '../../site-agent/training/batches.ts';
import type { TrainingTask } from '../../site-agent/training/trainer.ts';
import { type EngineCase, momentum } from './cases.ts';

/** The rows as the network sees them, bytes of images already scaled: [rows, ...]. */
function inputsOf({ data }: TrainingTask): Tensor {
  const { payload } = data;
  if (payload === undefined) return { shape: [data.rows, data.features], data: data.values };
  const { values, shape, mean, scale } = payload;
  const [channels = 1, ...spatial] = shape;
  const area = spatial.reduce((product, length) => product * length, 1);
  const scaled =
    values instanceof Float32Array
      ? values
      : Float32Array.from(values, (value, index) => {
          const channel = Math.floor(index / area) % channels;
          return (value - (mean?.[channel] ?? 0)) / (scale?.[channel] ?? 1);
        });
  return { shape: [data.rows, ...shape], data: scaled };
}

/** The task for `pytorch.py`: rows, labels, the order of every epoch and the starting weights. */
export async function writeCase(path: string, one: EngineCase, task: TrainingTask): Promise<void> {
  const { data, plan, weights } = task;
  const schedule = batchSchedule(data.rows, plan.training, task.seed);
  const order = Float32Array.from(
    Array.from({ length: schedule.steps }, (_, step) => [...schedule.rowsOf(step)]).flat(),
  );
  const tensors = new Map<string, Tensor>([
    ['inputs', inputsOf(task)],
    ['labels', { shape: [data.rows], data: data.labels }],
    ['order', { shape: [one.epochs, data.rows], data: order }],
    ...[...weights].map(([name, tensor]) => [`weights/${name}`, tensor] as const),
  ]);
  const description = {
    network: one.network.name,
    sizes: one.network.sizes,
    classes: one.classes,
    batch: one.batch,
    rate: one.rate,
    momentum,
  };
  await writeFile(path, encodeSafetensors(tensors, { case: JSON.stringify(description) }));
}
