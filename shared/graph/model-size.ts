import type { Plan } from '../plan/plan.ts';
import { tensorNameText } from '../tensors/tensor-name.ts';
import { trainedParameters } from './adapters.ts';
import { networkOf, type Parameter } from './network.ts';
import { trainableOf } from './trainable.ts';

/** How large a plan's model is, and what of it travels. Counts are of values, not tensors, unless said. */
export interface ModelSize {
  /** Values of the network; buffers are counted too, adapters are not. */
  readonly parameters: number;
  /** Values moved by gradient, adapters among them. */
  readonly trained: number;
  /** Values of buffers, which travel without being trained. */
  readonly buffers: number;
  /** Matrices with an adapter, and its rank; null where there are none. */
  readonly adapters: { readonly matrices: number; readonly rank: number } | null;
  /** Tensors that travel. */
  readonly tensors: number;
  /** Bytes of values a site receives in a round, and as many that it sends; a file's header adds about 100 a tensor. */
  readonly bytesEachWay: number;
}

function values(parameters: readonly Parameter[]): number {
  return parameters.reduce((sum, { shape }) => sum + shape.reduce((product, length) => product * length, 1), 0);
}

/** @throws GraphError when the plan's model cannot be built */
export function modelSize(plan: Plan): ModelSize {
  const travelling = trainedParameters(plan);
  const { adapted, rank } = trainableOf(plan);
  const all = values(travelling);
  const buffers = values(travelling.filter(({ role }) => role === 'buffer'));
  return {
    parameters: values(networkOf(plan).parameters),
    trained: all - buffers,
    buffers,
    adapters: adapted.size === 0 ? null : { matrices: adapted.size, rank },
    tensors: travelling.length,
    bytesEachWay: all * Float32Array.BYTES_PER_ELEMENT,
  };
}

/** The size in words, such as `5,025 parameters, of which 321 train (6.4 %); 1.3 KB each way a round and site`. */
export function modelSizeText(plan: Plan): string {
  return `${modelCountsText(plan)}; ${bytesText(modelSize(plan).bytesEachWay)} each way a round and site`;
}

/** Most tensors named one by one. */
const mostNamed = 12;

/** The tensors that a site receives and sends each round, such as `layer2.bias [1], layer2.weight [64, 1]`. */
export function travellingText(plan: Plan): string {
  const travelling = trainedParameters(plan);
  const named = travelling
    .slice(0, mostNamed)
    .map(({ name, shape }) => `${tensorNameText(name)} [${shape.join(', ')}]`);
  const rest = travelling.length - named.length;
  return rest === 0 ? named.join(', ') : `${named.join(', ')} and ${rest} more tensors`;
}

/** How many parameters there are and train, such as `2,001 parameters; 337 train, with adapters of rank 2 on one matrix`. */
export function modelCountsText(plan: Plan): string {
  const { parameters, trained, buffers, adapters } = modelSize(plan);
  const number = (value: number): string => value.toLocaleString('en-GB');
  const carried = buffers === 0 ? '' : `, and ${number(buffers)} running means that travel`;
  if (adapters !== null) {
    const matrices = adapters.matrices === 1 ? 'one matrix' : `${adapters.matrices} matrices`;
    return `${number(parameters)} parameters; ${number(trained)} train, with adapters of rank ${adapters.rank} on ${matrices}${carried}`;
  }
  if (trained === parameters - buffers) return `${number(trained)} parameters, all of which train${carried}`;
  const share = ((100 * trained) / parameters).toLocaleString('en-GB', { maximumSignificantDigits: 2 });
  return `${number(parameters)} parameters, of which ${number(trained)} train (${share} %)${carried}`;
}

/** A number of bytes in words, such as `27.1 KB`; 1 KB is 1,000 bytes. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const shown = value.toLocaleString('en-GB', unit === 0 ? {} : { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  return `${shown} ${units[unit]}`;
}
