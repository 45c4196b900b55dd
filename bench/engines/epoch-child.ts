import { performance } from 'node:perf_hooks';
import { silentLogger } from '../../shared/runtime/logger.ts';
import { l2Norm } from '../../shared/tensors/checks.ts';
import type { EngineChoice } from '../../site-agent/training/engine-choice.ts';
import { cases, taskFor } from './cases.ts';
import type { ChildMessage } from './participant.ts';

// One engine and one network in a process of its own, so that its peak of memory is its own.

const [engine, name, engineDirectory] = process.argv.slice(2);
const one = cases.find((known) => known.name === name);
if (one === undefined) throw new Error(`there is no case ${name}`);
const task = taskFor(one);
const base = process.memoryUsage.rss();
const never = new AbortController().signal;
const say = (message: ChildMessage): void => {
  process.send?.(message);
};

// Loaded here, so that the base holds no runtime.
const { openTrainer } = await import('../../site-agent/training/open-trainer.ts');
const trainer = await openTrainer(
  engine as EngineChoice,
  silentLogger,
  engineDirectory === undefined ? {} : { engineDirectory },
).catch((cause: unknown) => {
  say({ kind: 'missing', reason: cause instanceof Error ? cause.message : String(cause) });
  process.exit(0);
});

process.on('message', async (request) => {
  if (request === 'end') {
    say({ kind: 'end', peakMegabytes: process.resourceUsage().maxRSS / 1024 - base / 2 ** 20 });
    process.disconnect();
    process.exit(0);
  }
  try {
    const used = process.cpuUsage();
    const begin = performance.now();
    const { metrics, delta } = await trainer.train(task, never);
    const ms = performance.now() - begin;
    const { user, system } = process.cpuUsage(used);
    say({
      kind: 'epoch',
      ms: ms / one.epochs,
      processorMs: (user + system) / 1000 / one.epochs,
      loss: metrics.lossLast,
      change: l2Norm(delta),
    });
  } catch (cause) {
    say({ kind: 'missing', reason: cause instanceof Error ? cause.message : String(cause) });
    process.exit(0);
  }
});
say({ kind: 'ready', description: trainer.description });
