// First: what follows would start the library's telemetry.
import '../../../shared/runtime/no-telemetry.ts';

import { InferenceSession, type Tensor } from 'onnxruntime-node';
import type { Graph } from '../../../shared/graph/graph.ts';
import { runtimeError } from './runtime-errors.ts';

/** The part of a session of onnxruntime that training uses. */
export interface Session {
  run(feeds: Readonly<Record<string, Tensor>>, fetches: readonly string[]): Promise<Readonly<Record<string, Tensor>>>;
  release(): Promise<void>;
  /** Ends what `enableProfiling` began, and writes it. */
  endProfiling?(): void;
}

export type OpenSession = (model: Uint8Array, options: InferenceSession.SessionOptions) => Promise<Session>;

export const openInferenceSession: OpenSession = async (model, options) => {
  const session = await InferenceSession.create(model, options);
  return {
    run: (feeds, fetches) => session.run(feeds, fetches) as Promise<Record<string, Tensor>>,
    release: () => session.release(),
    endProfiling: () => session.endProfiling(),
  };
};

/** A graph and its session. */
export interface Compiled<Built> {
  readonly built: Built;
  readonly session: Session;
}

/** Sessions nobody uses that are kept for the next round: the graphs of two tasks. */
const mostIdle = 8;

interface Entry {
  readonly compiled: Promise<Compiled<unknown>>;
  uses: number;
}

/** Sessions by what their graph depends on: a round after the first finds those of the one before. */
export class SessionCache {
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();

  /**
   * A session for the graph that `build` makes, known by `key`. To be given back by `giveBack`.
   * @throws TrainingError `out_of_memory`, `engine_failed`; what `build` throws
   */
  async take<Built extends { readonly graph: Graph }>(
    key: string,
    build: () => Built,
    open: (built: Built) => Promise<Session>,
  ): Promise<Compiled<Built>> {
    const known = this.#entries.get(key);
    const entry = known ?? { compiled: compile(build, open), uses: 0 };
    entry.uses += 1;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    try {
      return (await entry.compiled) as Compiled<Built>;
    } catch (cause) {
      this.#entries.delete(key);
      throw cause;
    }
  }

  /** @param keep idle sessions that stay; those of two tasks when absent */
  async giveBack(keys: Iterable<string>, keep = mostIdle): Promise<void> {
    for (const key of keys) {
      const entry = this.#entries.get(key);
      if (entry !== undefined) entry.uses -= 1;
    }
    const idle = [...this.#entries].filter(([, { uses }]) => uses <= 0);
    await this.#release(idle.slice(0, Math.max(0, idle.length - keep)));
  }

  async dispose(): Promise<void> {
    await this.#release([...this.#entries]);
  }

  async #release(entries: readonly (readonly [string, Entry])[]): Promise<void> {
    for (const [key, { compiled }] of entries) {
      this.#entries.delete(key);
      const made = await compiled.catch(() => null);
      await made?.session.release();
    }
  }
}

async function compile<Built extends { readonly graph: Graph }>(
  build: () => Built,
  open: (built: Built) => Promise<Session>,
): Promise<Compiled<Built>> {
  const built = build();
  try {
    return { built, session: await open(built) };
  } catch (cause) {
    throw runtimeError(cause, 'refused a graph of training');
  }
}
