import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TaskId } from '../../../shared/runtime/ids.ts';
import { openCheckpoints } from '../../../site-agent/agent/checkpoints.ts';
import type { Checkpoint } from '../../../site-agent/training/trainer.ts';
import { temporaryDirectory } from '../../support/heart-site.ts';
import { recordingLogger } from '../../support/recording-logger.ts';

// A coordinator makes names of tasks up; this one would leave the folder.
const task = '../../../somewhere/else' as TaskId;
const checkpoint: Checkpoint = {
  step: 12,
  tensors: new Map([
    ['first/w', { shape: [], data: Float32Array.of(3) }],
    ['w', { shape: [2, 2], data: Float32Array.of(1, -0, 1e-45, 4) }],
  ]),
  record: { format: 1, losses: { firstSum: 0.1 + 0.2 }, stopping: null },
};

let folder: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  folder = temporaryDirectory();
});
afterEach(() => folder.remove());
const files = () => readdirSync(join(folder.path, 'state', 'checkpoints'));

describe('checkpoints on disk', () => {
  it('come back to the bit, from a file that no name of a task can place elsewhere', async () => {
    const { log } = recordingLogger();
    await openCheckpoints(folder.path, log).write(task, 'ground', checkpoint);
    expect(await openCheckpoints(folder.path, log).read(task, 'ground')).toEqual(checkpoint);
    expect(files()).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.safetensors$/)]);
    expect(await openCheckpoints(folder.path, log).read('another' as TaskId, 'ground')).toBeNull();
  });

  it('of other rows, another plan or other software do not count', async () => {
    const { log, lines } = recordingLogger();
    const checkpoints = openCheckpoints(folder.path, log);
    await checkpoints.write(task, 'ground', checkpoint);
    expect(await checkpoints.read(task, 'other ground')).toBeNull();
    expect(lines[0]?.message).toContain('begins anew');
  });

  it('that are damaged anywhere do not count', async () => {
    const { log } = recordingLogger();
    const checkpoints = openCheckpoints(folder.path, log);
    await checkpoints.write(task, 'ground', checkpoint);
    const path = join(folder.path, 'state', 'checkpoints', files()[0] as string);
    const sound = readFileSync(path);
    for (let at = 0; at < sound.length; at += 7) {
      const damaged = Buffer.from(sound);
      damaged[at] = (damaged[at] as number) ^ 1;
      writeFileSync(path, damaged);
      const read = await checkpoints.read(task, 'ground');
      // Only white space of the header may change without a trace.
      if (read !== null) expect(read).toEqual(checkpoint);
    }
    writeFileSync(path, sound.subarray(0, sound.length - 3));
    expect(await checkpoints.read(task, 'ground')).toBeNull();
    writeFileSync(path, sound);
    expect(await checkpoints.read(task, 'ground')).toEqual(checkpoint);
  });

  it('are removed when they are over, with what a killed process left of one', async () => {
    const { log } = recordingLogger();
    const checkpoints = openCheckpoints(folder.path, log);
    await checkpoints.prune();
    await checkpoints.write(task, 'ground', checkpoint);
    await checkpoints.write('another' as TaskId, 'ground', checkpoint);
    writeFileSync(join(folder.path, 'state', 'checkpoints', '.half.tmp'), 'half');
    await checkpoints.prune(task);
    expect(files()).toHaveLength(1);
    expect(await checkpoints.read(task, 'ground')).not.toBeNull();
    await checkpoints.prune();
    expect(files()).toEqual([]);
  });
});
