// First: what follows would start the library's telemetry.
import '../../../shared/runtime/no-telemetry.ts';

import { env, type InferenceSession } from 'onnxruntime-node';
import type { Graph } from '../../../shared/graph/graph.ts';
import { optimisationLevel } from './optimisation-level.ts';
import { leftToCpu } from './webgpu-kernels.ts';

/** What onnxruntime computes on. */
export type ProviderName = 'cpu' | 'webgpu' | 'cuda';

export interface Provider {
  readonly name: ProviderName;
  /** Results may stay on the device from call to call; else one call holds several steps, a Scan over them. */
  readonly keepsOnDevice: boolean;
  /** Computes in float16, as tried on this machine. */
  readonly float16: boolean;
  /** Multiply-adds of one call. */
  readonly workPerCall: number;
  readonly workPerCheckpoint: number;
}

/** What a core does in a second in float32, roughly, with all that is around the products. */
const coreWorkPerSecond = 4e9;

/**
 * The binding copies every result into new memory, weights and optimiser state too, so a call holds steps enough to make little of that: eight
 * steps of 1.6 million weights take half the time of eight calls. By the products of large layers, which are ten times as fast as
 * `coreWorkPerSecond`, a call takes a tenth of a second, and never more than a second.
 */
export const cpuProvider: Provider = {
  name: 'cpu',
  keepsOnDevice: false,
  float16: false,
  workPerCall: coreWorkPerSecond,
  workPerCheckpoint: 20 * coreWorkPerSecond,
};

/** A GPU through WebGPU. A Scan would run on the CPU and move its state each turn, so steps are calls of their own and the state stays in buffers. */
export const webgpuProvider = (float16: boolean): Provider => ({
  name: 'webgpu',
  keepsOnDevice: true,
  float16,
  workPerCall: 0,
  workPerCheckpoint: 200 * coreWorkPerSecond,
});

/** The binding keeps no results in CUDA's memory, so the state moves once a call, which holds many steps. */
export const cudaProvider = (float16: boolean): Provider => ({
  name: 'cuda',
  keepsOnDevice: false,
  float16,
  workPerCall: 3 * coreWorkPerSecond,
  workPerCheckpoint: 1000 * coreWorkPerSecond,
});

export const onnxruntimeVersion = (): string => env.versions.node ?? env.versions.common;

/** With those of the bodies of loops. */
function operatorsOf({ nodes }: Graph): number {
  let count = nodes.length;
  for (const { attributes } of nodes) {
    for (const attribute of Object.values(attributes)) if ('graph' in attribute) count += operatorsOf(attribute.graph);
  }
  return count;
}

export function sessionOptions(provider: Provider, graph: Graph, threads: number): InferenceSession.SessionOptions {
  const left = provider.name === 'webgpu' ? leftToCpu(graph) : [];
  return {
    // The binding takes no empty list.
    executionProviders: [left.length === 0 ? provider.name : { name: provider.name, forceCpuNodeNames: left }],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // A GPU's kernels may need the layouts that are chosen there.
    graphOptimizationLevel: provider.name === 'cpu' ? optimisationLevel(operatorsOf(graph)) : 'all',
    // Threads that wait for work by turning in circles do so within a call only: a part of a batch and its update are two sessions in turn.
    extra: { session: { force_spinning_stop: '1' } },
    // What fails is thrown; the library need not print it too.
    logSeverityLevel: 4,
  };
}
