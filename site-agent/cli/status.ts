import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { tableText } from '../../shared/runtime/table-text.ts';
import { agentRuns } from '../agent/lock.ts';
import { createTaskStore, type TaskAtWork } from '../agent/task-store.ts';
import { clippedText } from './clipped-text.ts';
import { withStore } from './open-site.ts';
import { printJson, type SiteOptions, siteDirectory, siteOptions, timeText } from './options.ts';

/** `1 h 5 min`, `40 s`. */
function left(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** @param running whether an agent is at it: without one, no time is left to tell */
function row({ run, round, kind, begunMs, progress }: TaskAtWork, running: boolean): (string | number | null)[] {
  return [
    run,
    round,
    kind,
    timeText(begunMs),
    progress === null ? null : `${progress.step} of ${progress.steps}`,
    progress === null ? null : Number(progress.loss.toPrecision(4)),
    progress?.clipping === undefined ? null : clippedText(progress.clipping),
    progress === null || !running ? null : left(progress.secondsLeft),
    progress === null ? null : progress.runsOn,
  ];
}

async function run(options: SiteOptions): Promise<void> {
  const directory = siteDirectory(options);
  const tasks = await withStore(directory, (store) => createTaskStore(store).atWork());
  const agentRunning = agentRuns(directory);
  if (options.json === true) {
    printJson({ agentRunning, tasks });
    return;
  }
  if (tasks.length === 0) console.log('No task is under way.');
  else {
    console.log(
      tableText(
        ['run', 'round', 'task', 'begun', 'steps', 'loss', 'clipped', 'time left', 'engine'],
        tasks.map((task) => row(task, agentRunning)),
      ),
    );
    if (!agentRunning) {
      console.log(
        'No agent runs here; this is how far it had come. A task goes on when the agent starts again, if the coordinator still waits for it.',
      );
    }
  }
  const choices = join(directory, 'state', 'engine-choices.json');
  if (existsSync(choices)) console.log(`Engines chosen here, and why: ${choices}`);
}

export function registerStatus(site: Command): void {
  siteOptions(site.command('status'), { json: true })
    .description('the tasks under way: how far training is, on what, and how long it will take')
    .action(run);
}
