import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { temporaryDirectory } from '../../support/heart-site.ts';

interface Event {
  readonly checkpoint?: number;
  readonly said?: string;
  readonly step?: number;
  readonly update?: { readonly delta: string };
}

let folder: ReturnType<typeof temporaryDirectory>;
let child: ChildProcess | null = null;
beforeEach(() => {
  folder = temporaryDirectory();
});
afterEach(() => {
  child?.kill('SIGKILL');
  folder.remove();
});

/** Runs the agent until it has sent its update, or has written so many checkpoints and is killed. */
async function round(name: string, killAfter = Number.POSITIVE_INFINITY): Promise<Event[]> {
  const script = fileURLToPath(new URL('../../support/interrupted-agent.ts', import.meta.url));
  const most = Number.isFinite(killAfter) ? [String(killAfter)] : [];
  const running = spawn(process.execPath, ['--import', 'tsx', script, join(folder.path, name), ...most], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child = running;
  const events: Event[] = [];
  for await (const line of createInterface({ input: running.stdout })) {
    const event = JSON.parse(line) as Event;
    events.push(event);
    if (checkpointsOf(events).length >= killAfter) running.kill('SIGKILL');
  }
  return events;
}

const updateOf = (events: readonly Event[]) => events.find(({ update }) => update !== undefined)?.update;
const checkpointsOf = (events: readonly Event[]): readonly number[] =>
  events.flatMap(({ checkpoint }) => checkpoint ?? []);

it('an agent that is killed in the middle of a round goes on from its checkpoint and sends the same bytes', {
  // Four processes, one after the other; each ends by itself when nothing comes about.
  timeout: 600_000,
}, async () => {
  const whole = await round('undisturbed');
  const undisturbed = updateOf(whole);
  expect(undisturbed?.delta).toMatch(/^[0-9a-f]{64}$/);
  const steps = checkpointsOf(whole);
  expect(steps.length).toBeGreaterThan(3);
  const [first, second, third] = steps as [number, number, number];
  for (const stood of [[first], [second, third]]) {
    const events = await round('killed', stood.length);
    expect(updateOf(events)).toBeUndefined();
    expect(checkpointsOf(events)).toEqual(stood);
  }
  const after = await round('killed');
  const resumed = after.find(({ said }) => said === 'the round goes on from its checkpoint');
  expect(resumed?.step).toBe(third);
  expect(updateOf(after)).toEqual(undisturbed);
  // What is over leaves nothing behind.
  expect(readdirSync(join(folder.path, 'killed', 'state', 'checkpoints'))).toEqual([]);
});
