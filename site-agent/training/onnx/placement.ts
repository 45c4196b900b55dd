import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenSession, Session } from './sessions.ts';

/** Where the operators of a graph were computed. */
export interface Placement {
  /** Operators computed on the device asked for. */
  readonly onDevice: number;
  /** How often each operator was computed on the CPU instead, for want of a kernel. */
  readonly onCpu: Readonly<Record<string, number>>;
}

interface ProfileEvent {
  readonly cat?: string;
  readonly args?: { readonly provider?: string; readonly op_name?: string };
}

/** Counts the operators of a profile that onnxruntime has written. */
export function placementOf(profile: readonly ProfileEvent[]): Placement {
  let onDevice = 0;
  const onCpu: Record<string, number> = {};
  for (const { cat, args } of profile) {
    if (cat !== 'Node' || args?.provider === undefined) continue;
    const operator = args.op_name ?? '?';
    if (args.provider === 'CPUExecutionProvider') onCpu[operator] = (onCpu[operator] ?? 0) + 1;
    else onDevice += 1;
  }
  return { onDevice, onCpu };
}

/**
 * Opens a session that profiles its first run and tells where its operators were computed: a provider without a kernel leaves an operator to the
 * CPU without a word. The profile holds names, times and shapes, no values; it is removed at once.
 */
export async function openWatched(
  open: OpenSession,
  model: Uint8Array,
  options: Parameters<OpenSession>[1],
  report: (placement: Placement) => void,
): Promise<Session> {
  const folder = await mkdtemp(join(tmpdir(), 'wardround-placement-'));
  const session = await open(model, { ...options, enableProfiling: true, profileFilePrefix: join(folder, 'step') });
  let watched = false;
  return {
    async run(feeds, fetches) {
      const results = await session.run(feeds, fetches);
      if (!watched) {
        watched = true;
        session.endProfiling?.();
        const [file] = await readdir(folder);
        if (file !== undefined) report(placementOf(JSON.parse(await readFile(join(folder, file), 'utf8'))));
        await rm(folder, { recursive: true, force: true });
      }
      return results;
    },
    async release() {
      await session.release();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
