import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import { writeFileAtomically } from '../../shared/runtime/files.ts';
import type { TaskId } from '../../shared/runtime/ids.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { decodeSafetensors, encodeSafetensors, readSafetensorsIndex } from '../../shared/tensors/safetensors.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import type { Checkpoint } from '../training/trainer.ts';
import { asStorageError } from './agent-error.ts';

/** Where rounds stood, one file a task: `state/checkpoints/SHA-256 OF THE TASK.safetensors`, replaced whole. */
export interface Checkpoints {
  /**
   * Where the task stood, when it was left with the very same `ground`: plan, starting weights, rows, software. Null when there is nothing, or
   * nothing that can be trusted; the round then begins anew.
   */
  read(task: TaskId, ground: string): Promise<Checkpoint | null>;
  /** @throws AgentError `storage_full`, `state_unwritable` */
  write(task: TaskId, ground: string, checkpoint: Checkpoint): Promise<void>;
  /** Removes all but those of one task, or all. */
  prune(except?: TaskId): Promise<void>;
}

interface Header {
  readonly format: '1';
  readonly task: TaskId;
  readonly ground: string;
  readonly step: number;
  readonly record: Readonly<Record<string, unknown>>;
}

/** Over what the file says and holds: a disk may return other bytes than were written. */
function sealOf(header: string, tensors: NamedTensors): string {
  const hash = createHash('sha256').update(header);
  for (const [name, { shape, data }] of [...tensors].sort(([left], [right]) => (left < right ? -1 : 1))) {
    hash.update(JSON.stringify([name, shape])).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

export function openCheckpoints(directory: string, log: Logger): Checkpoints {
  const folder = join(directory, 'state', 'checkpoints');
  // The coordinator makes up the names of tasks; they are not to become names of files.
  const nameOf = (task: TaskId): string => `${digestOf(task)}.safetensors`;

  return {
    async read(task, ground) {
      const path = join(folder, nameOf(task));
      let bytes: Uint8Array;
      try {
        bytes = await readFile(path);
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw asStorageError(cause, path);
      }
      try {
        const { header = '', seal } = readSafetensorsIndex(bytes).metadata;
        const tensors = decodeSafetensors(bytes);
        if (seal !== sealOf(header, tensors)) {
          log.warn({ task }, 'a checkpoint is damaged: the round begins anew');
          return null;
        }
        const found = JSON.parse(header) as Header;
        if (found.format !== '1' || found.task !== task || found.ground !== ground) {
          log.info({ task }, 'rows, plan or software have changed since the checkpoint: the round begins anew');
          return null;
        }
        return { step: found.step, record: found.record, tensors };
      } catch (cause) {
        log.warn({ task, error: cause }, 'a checkpoint cannot be read: the round begins anew');
        return null;
      }
    },
    async write(task, ground, { step, tensors, record }) {
      const header = canonicalJson({ format: '1', task, ground, step, record } satisfies Header);
      const path = join(folder, nameOf(task));
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await writeFileAtomically(path, encodeSafetensors(tensors, { header, seal: sealOf(header, tensors) }), {
          mode: 0o600,
        });
      } catch (cause) {
        throw asStorageError(cause, path);
      }
    },
    async prune(except) {
      const kept = except === undefined ? null : nameOf(except);
      for (const name of await readdir(folder).catch(() => [])) {
        if (name !== kept) await rm(join(folder, name), { force: true });
      }
    },
  };
}
