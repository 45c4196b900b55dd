import { expect, test } from 'vitest';
import { type Assignments, createAttendance } from '../../../coordinator/rounds/attendance.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { RunId, SiteName, TaskId } from '../../../shared/runtime/ids.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { createQueue } from '../../../shared/runtime/queue.ts';
import type { CoordinatorMessage, SiteIdentity, SiteMessage, TaskOffer } from '../../../shared/wire/messages.ts';
import { WireError } from '../../../shared/wire/wire-error.ts';
import { manualClock } from '../../support/clock.ts';

const bern: SiteIdentity = { role: 'site', site: 'bern' as SiteName, serial: 'B1' };
const plan = digestOf('plan');
const hello: SiteMessage = { kind: 'hello', software: 'w 1', heartbeatMs: 1_000, approvedPlans: [plan] };
const task: TaskOffer = {
  kind: 'summary',
  id: 'heart-1.r0.a1.bern' as TaskId,
  run: 'heart-1' as RunId,
  round: 0,
  plan,
  deadlineMs: 0,
};
const nothing: Assignments = { plans: () => [], tasks: () => [] };
const one: Assignments = { plans: () => [{ run: task.run, plan }], tasks: () => [task] };

function open(identity = bern) {
  const clock = manualClock();
  const attendance = createAttendance({ clock, log: silentLogger, heartbeatMs: 1_000 });
  const dial = (first: SiteMessage | null = hello) => {
    const outbox = createQueue<SiteMessage>(100);
    const heard: CoordinatorMessage[] = [];
    const abort = new AbortController();
    if (first !== null) outbox.push(first);
    const ended = (async () => {
      for await (const message of attendance.attend(identity, outbox, abort.signal)) heard.push(message);
    })().then(
      () => null,
      (error: unknown) => error,
    );
    return { outbox, heard, abort, ended };
  };
  return { clock, attendance, dial };
}

test('a site that attends is told its plans and tasks, once, and again when it dials again', async () => {
  const { clock, attendance, dial } = open();
  attendance.sync(one);
  const first = dial();
  await clock.advance(0);
  attendance.sync(one);
  await clock.advance(0);
  const told = [
    { kind: 'plan', run: task.run, plan },
    { kind: 'task', task },
  ];
  expect(first.heard).toEqual(told);
  const second = dial();
  await clock.advance(0);
  expect(second.heard).toEqual(told);
  expect(await first.ended).toMatchObject({ code: 'cancelled' });
  expect(attendance.present().has(bern.site)).toBe(true);
  second.abort.abort();
  expect(await second.ended).toBeNull();
  expect(attendance.present().size).toBe(0);
});

test('a task that is over is withdrawn, unless the site is giving its answer', async () => {
  const { clock, attendance, dial } = open();
  attendance.sync(one);
  const session = dial();
  await clock.advance(0);
  attendance.sync(nothing);
  await clock.advance(0);
  expect(session.heard.at(-1)).toMatchObject({ kind: 'withdrawn', task: task.id });
  attendance.sync(one);
  attendance.answering(bern.site, task.id);
  attendance.sync(nothing);
  await clock.advance(0);
  expect(session.heard.at(-1)).toMatchObject({ kind: 'task' });
  session.abort.abort();
  await session.ended;
});

test('a site that dials again while its answer is under way is not told that the task is over; another task it is told of', async () => {
  const { clock, attendance, dial } = open();
  const other = { ...task, id: 'heart-2.r0.a1.bern' as TaskId, run: 'heart-2' as RunId };
  let tasks: readonly TaskOffer[] = [task, other];
  const some: Assignments = { plans: () => [], tasks: () => tasks };
  attendance.sync(some);
  const first = dial();
  await clock.advance(0);
  attendance.answering(bern.site, task.id);
  first.abort.abort();
  await first.ended;
  // Between two streams too: the call of an answer is on a connection of its own.
  attendance.answering(bern.site, 'heart-9.r0.a1.bern' as TaskId);
  const second = dial();
  await clock.advance(0);
  expect(second.heard.map((message) => message.kind === 'task' && message.task.id)).toEqual([task.id, other.id]);
  tasks = [];
  attendance.sync(some);
  await clock.advance(0);
  expect(second.heard.slice(2)).toMatchObject([{ kind: 'withdrawn', task: other.id }]);
  // Offered anew, as after a restart, it is a task like others.
  tasks = [task];
  attendance.sync(some);
  tasks = [];
  attendance.sync(some);
  await clock.advance(0);
  expect(second.heard.at(-1)).toMatchObject({ kind: 'withdrawn', task: task.id });
  second.abort.abort();
  await second.ended;
});

test('a site that is silent for two heartbeats is gone', async () => {
  const { clock, attendance, dial } = open();
  const session = dial();
  await clock.advance(1_500);
  session.outbox.push({ kind: 'beat' });
  await clock.advance(1_900);
  expect(attendance.present().size).toBe(1);
  await clock.advance(1_200);
  expect(await session.ended).toMatchObject({ code: 'deadline_exceeded' });
  expect(attendance.present().size).toBe(0);
  expect(session.heard.filter(({ kind }) => kind === 'beat').length).toBeGreaterThanOrEqual(3);
});

test('the first message must be hello, with a heartbeat within bounds and digests for plans', async () => {
  const wrong: readonly SiteMessage[] = [
    { kind: 'beat' },
    { ...hello, heartbeatMs: 1 } as SiteMessage,
    { ...hello, heartbeatMs: Number.POSITIVE_INFINITY } as SiteMessage,
    { ...hello, approvedPlans: ['../plan'] } as unknown as SiteMessage,
  ];
  for (const message of wrong) {
    const { clock, dial } = open();
    const session = dial(message);
    await clock.advance(0);
    expect(await session.ended).toMatchObject({ subsystem: 'wire', code: 'invalid_argument' });
  }
});

test('a revoked certificate ends its stream, and only its own', async () => {
  const { clock, attendance, dial } = open();
  const session = dial();
  await clock.advance(0);
  attendance.end(['C7'], new WireError('certificate_revoked'));
  await clock.advance(0);
  expect(attendance.present().size).toBe(1);
  attendance.end(['B1'], new WireError('certificate_revoked'));
  expect(await session.ended).toMatchObject({ code: 'certificate_revoked' });
});

test('approvals may change while attending, and wake who waits', async () => {
  const { clock, attendance, dial } = open();
  const session = dial({ ...hello, approvedPlans: [] } as SiteMessage);
  await clock.advance(0);
  const changed = attendance.changed(new AbortController().signal);
  session.outbox.push({ kind: 'approvals', approvedPlans: [plan] });
  await changed;
  expect(attendance.present().get(bern.site)?.approvedPlans.has(plan)).toBe(true);
  session.abort.abort();
  await session.ended;
});

test('what a site says of its software is shown as one line of printable text', async () => {
  const { clock, attendance, dial } = open();
  dial({ ...hello, software: `w\u001b[2K\r\n\u202e1${'\u{1f600}'.repeat(200)}` } as SiteMessage);
  await clock.advance(0);
  expect(attendance.softwareOf(bern.site)).toBe(`w [2K 1${'\u{1f600}'.repeat(93)}`);
});
