/**
 * Trains a wide network on a full batch of 50,000 rows in a process whose memory is limited just above what it has: started by the test of memory
 * errors, with `node --disable-wasm-trap-handler --import tsx`. Prints what the loop said and how far the delta is from that of small parts.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { OnnxTrainer } from '../../site-agent/training/onnx-trainer.ts';
import { heartPlan } from './plans.ts';
import { recordingLogger } from './recording-logger.ts';
import { relativeDistance, trainingTask } from './training.ts';

const spareMegabytes = Number(process.argv[2]);
const never = new AbortController().signal;
const base = heartPlan({ model: { family: 'mlp', hidden: [1024], activation: 'tanh' } });
const plan = { ...base, training: { ...base.training, batch: 'full' as const, work: { steps: 2 } } };
const task = trainingTask(plan, 50_000);

const apart = new OnnxTrainer();
const small = await apart.train({ ...task, mostRows: 2_000 }, never);
await apart.dispose();

const kilobytes = Number(/VmSize:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
const limit = (kilobytes + spareMegabytes * 1024) * 1024;
execFileSync('prlimit', ['--pid', String(process.pid), `--as=${limit}`]);
const { log, lines } = recordingLogger();
// Threads reserve address space of their own.
const trainer = new OnnxTrainer({ log, cores: 1 });
const result = await trainer.train({ ...task, mostRows: 50_000 }, never);
process.stdout.write(
  JSON.stringify({
    rowsAtOnce: result.rowsAtOnce,
    said: lines.filter(({ message }) => message.startsWith('out of memory')).map(({ fields }) => fields),
    distance: relativeDistance(result.delta, small.delta),
  }),
);
