import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Graph } from '../../../shared/graph/graph.ts';
import { encodeOnnx } from '../../../shared/graph/onnx-file.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import { type Logger, silentLogger } from '../../../shared/runtime/logger.ts';
import type { Engine, EngineTask, OpenedTask } from '../engine.ts';
import { graphCost } from '../graph-cost.ts';
import { expandBatchNormalisation } from './expand-batch-norm.ts';
import { OnnxTask } from './onnx-task.ts';
import { openWatched } from './placement.ts';
import { cpuProvider, onnxruntimeVersion, type Provider, sessionOptions } from './provider.ts';
import { type OpenSession, openInferenceSession, type Session, SessionCache } from './sessions.ts';

/** Multiply-adds of a step's operators that threads can share, below which a second thread costs more than it brings. */
const workForThreads = 40_000_000;
const mostThreads = 4;

/** More threads slow small models down, so their number follows the work of one step that is not in small operators. */
export function threadsFor(work: number, cores: number): number {
  return work < workForThreads ? 1 : Math.max(1, Math.min(mostThreads, cores));
}

export interface OnnxEngineNeeds {
  readonly provider?: Provider;
  readonly cores?: number;
  readonly openSession?: OpenSession;
  readonly log?: Logger;
}

/** Runs the graphs of training in onnxruntime-node. */
export class OnnxEngine implements Engine {
  readonly engine = 'onnx' as const;
  readonly description: string;
  readonly mixed: boolean;
  readonly workPerCall: number;
  readonly workPerCheckpoint: number;
  readonly #provider: Provider;
  readonly #cores: number;
  readonly #openSession: OpenSession;
  readonly #log: Logger;
  readonly #sessions = new SessionCache();
  /** Plans whose operators' places have been told. */
  readonly #told = new Set<string>();
  readonly #plans = new WeakMap<Plan, string>();

  constructor(needs: OnnxEngineNeeds = {}) {
    const provider = needs.provider ?? cpuProvider;
    this.#provider = provider;
    this.#cores = needs.cores ?? availableParallelism();
    this.#openSession = needs.openSession ?? openInferenceSession;
    this.#log = needs.log ?? silentLogger;
    const threads = Math.max(1, Math.min(mostThreads, this.#cores));
    const on = provider.name === 'cpu' ? `, ${threads === 1 ? '1 thread' : `1 to ${threads} threads by size`}` : '';
    this.description = `onnxruntime-node ${onnxruntimeVersion()} ${provider.name}${on}`;
    this.mixed = provider.float16;
    this.workPerCall = provider.workPerCall;
    this.workPerCheckpoint = provider.workPerCheckpoint;
  }

  async open(task: EngineTask, signal: AbortSignal): Promise<OpenedTask> {
    signal.throwIfAborted();
    const shared = canonicalJson([
      this.#planKey(task.plan),
      task.trainable ?? null,
      task.proximal > 0,
      task.control !== undefined,
      task.precision,
    ]);
    const sessions = this.#sessions;
    const taken = new Map<string, ReturnType<SessionCache['take']>>();
    return new OnnxTask(task, {
      take: <Built extends { readonly graph: Graph }>(kind: string, build: () => Built) => {
        const key = `${shared} ${kind}`;
        const known = taken.get(key) ?? sessions.take(key, build, (built) => this.#open(built.graph, kind, shared));
        taken.set(key, known);
        known.catch(() => taken.delete(key));
        return known as ReturnType<SessionCache['take']> & Promise<never>;
      },
      async giveBack(keepIdle) {
        const keys = [...taken.keys()];
        taken.clear();
        await sessions.giveBack(keys, keepIdle);
      },
    });
  }

  async dispose(): Promise<void> {
    await this.#sessions.dispose();
  }

  #open(graph: Graph, kind: string, plan: string): Promise<Session> {
    const provider = this.#provider;
    const computed = provider.name === 'cpu' ? graph : expandBatchNormalisation(graph);
    const model = encodeOnnx(computed);
    const options = sessionOptions(provider, computed, threadsFor(graphCost(graph).shared, this.#cores));
    const kept = graph.outputs.filter(({ name }) => name.startsWith('next/'));
    const placed = {
      ...options,
      ...(provider.keepsOnDevice && kept.length > 0
        ? { preferredOutputLocation: Object.fromEntries(kept.map(({ name }) => [name, 'gpu-buffer' as const])) }
        : {}),
    };
    if (provider.name === 'cpu' || !kind.startsWith('step') || this.#told.has(plan))
      return this.#openSession(model, placed);
    this.#told.add(plan);
    return openWatched(this.#openSession, model, placed, ({ onDevice, onCpu }) => {
      const fields = { runsOn: this.description, onDevice, onCpu };
      if (Object.keys(onCpu).length === 0) this.#log.info(fields, 'every operator of a step is computed on the device');
      else
        this.#log.warn(fields, 'some operators of a step are computed on the CPU, for want of a kernel for the device');
    });
  }

  /** What of a plan its graphs depend on. */
  #planKey(plan: Plan): string {
    const { seed: _seed, batch: _batch, work: _work, earlyStopping: _stopping, ...training } = plan.training;
    const known =
      this.#plans.get(plan) ??
      createHash('sha256')
        .update(canonicalJson([plan.task, plan.model, training, plan.data]))
        .digest('hex');
    this.#plans.set(plan, known);
    return known;
  }
}
