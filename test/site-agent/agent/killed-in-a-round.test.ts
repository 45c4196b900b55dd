import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { temporaryDirectory } from '../../support/heart-site.ts';

interface Event {
  readonly checkpoint?: string;
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
  const running = spawn(process.execPath, ['--import', 'tsx', script, join(folder.path, name)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child = running;
  const events: Event[] = [];
  for await (const line of createInterface({ input: running.stdout })) {
    const event = JSON.parse(line) as Event;
    events.push(event);
    if (events.filter(({ checkpoint }) => checkpoint !== undefined).length >= killAfter) running.kill('SIGKILL');
  }
  return events;
}

const updateOf = (events: readonly Event[]) => events.find(({ update }) => update !== undefined)?.update;

it('an agent that is killed in the middle of a round goes on from its checkpoint and sends the same bytes', {
  timeout: 180_000,
}, async () => {
  const undisturbed = updateOf(await round('undisturbed'));
  expect(undisturbed?.delta).toMatch(/^[0-9a-f]{64}$/);
  for (const killAfter of [1, 2]) expect(updateOf(await round('killed', killAfter))).toBeUndefined();
  const after = await round('killed');
  const resumed = after.find(({ said }) => said === 'the round goes on from its checkpoint');
  expect(resumed?.step).toBeGreaterThan(0);
  expect(updateOf(after)).toEqual(undisturbed);
  // What is over leaves nothing behind.
  expect(readdirSync(join(folder.path, 'killed', 'state', 'checkpoints'))).toEqual([]);
});
