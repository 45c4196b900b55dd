import { mostComparedRows } from '../../shared/graph/training/losses/cox.ts';
import type { DesignMatrix, PayloadRows, TrainingTask } from './trainer.ts';

function taken<T extends Float32Array | Uint8Array>(values: T, rows: number, order: Uint32Array): T {
  const width = values.length / rows;
  const target = values.slice() as T;
  for (const [index, row] of order.entries())
    target.set(values.subarray(row * width, (row + 1) * width), index * width);
  return target;
}

function payloadInOrder(payload: PayloadRows, rows: number, order: Uint32Array): PayloadRows {
  const { values } = payload;
  return {
    ...payload,
    values: values instanceof Uint8Array ? taken(values, rows, order) : taken(values, rows, order),
  };
}

/** The rows in ascending order of time, those of one time in the order they had. @param data with labels [rows, 2] */
export function inOrderOfTime(data: DesignMatrix): DesignMatrix {
  const { rows, labels, payload } = data;
  const timeOf = (row: number): number => labels[2 * row] as number;
  const order = Uint32Array.from({ length: rows }, (_, row) => row).sort((a, b) => timeOf(a) - timeOf(b) || a - b);
  return {
    ...data,
    values: taken(data.values, rows, order),
    labels: taken(labels, rows, order),
    ...(payload === undefined ? {} : { payload: payloadInOrder(payload, rows, order) }),
  };
}

/**
 * The task with the rows of a survival outcome in ascending order of time, which the partial likelihood of a large batch relies on (`coxLosses`).
 * Batches keep the order (`batchSchedule`). Small batches need none, and other tasks have none.
 */
export function tasksRowsInOrder(task: TrainingTask): TrainingTask {
  const { plan, data, validation } = task;
  const wanted = (rows: DesignMatrix): DesignMatrix => (rows.rows > mostComparedRows ? inOrderOfTime(rows) : rows);
  if (plan.task.kind !== 'survival') return task;
  return { ...task, data: wanted(data), ...(validation === undefined ? {} : { validation: wanted(validation) }) };
}
