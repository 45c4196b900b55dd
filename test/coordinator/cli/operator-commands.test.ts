import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { run } from '../../../cli/program.ts';
import { withOperator } from '../../../coordinator/cli/operator-directory.ts';
import { type RunningCoordinator, startCoordinator } from '../../../coordinator/main.ts';
import { openSqlite } from '../../../coordinator/store/sqlite.ts';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import { exitCodes } from '../../../shared/runtime/exit-codes.ts';
import type { RunId } from '../../../shared/runtime/ids.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import type { AuditEntry, ReleaseView, RunView, SiteView } from '../../../shared/wire/operator-port.ts';
import { freePort } from '../../../simulations/demo/free-port.ts';
import { movableClock } from '../../support/clock.ts';
import { enrolledWith, makeConsortium, siteOverTls } from '../../support/consortium.ts';
import { type FakeSite, type FakeSiteOptions, viewWhere } from '../../support/coordinator-core.ts';
import { heartPlan } from '../../support/plans.ts';

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What the command under way has written to standard output. */
let said = '';

/** One command as a person types it, in this process, with what it writes where. One at a time. */
async function wardround(...args: string[]): Promise<Ended> {
  said = '';
  let err = '';
  const line = (values: readonly unknown[]): string => `${values.join(' ')}\n`;
  const spies = [
    vi.spyOn(console, 'log').mockImplementation((...values) => {
      said += line(values);
    }),
    vi.spyOn(console, 'error').mockImplementation((...values) => {
      err += line(values);
    }),
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      said += String(text);
      return true;
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      err += String(text);
      return true;
    }),
  ];
  try {
    const code = await run(args);
    return { code, out: said, err };
  } finally {
    process.exitCode = undefined;
    for (const spy of spies) spy.mockRestore();
  }
}

/** Standard output as the one JSON value it must be. */
function json<Value>({ out }: Ended): Value {
  return JSON.parse(out) as Value;
}

let base = '';
let directory = '';
let address = '';
const stop = new AbortController();
/** The coordinator's clock. Sites that say nothing for two minutes of it are gone. */
const clock = movableClock();
let coordinator: RunningCoordinator | null = null;
const sites = new Map<string, FakeSite>();
const identities = new Map<string, Awaited<ReturnType<typeof enrolledWith>>>();
/** Sites that keep their updates to themselves. */
const silent = new Set<string>();
/** Sites that decline to judge. */
const declining = new Set<string>();

function attend(name: string): void {
  const identity = identities.get(name);
  if (identity === undefined) throw new Error(name);
  const instead: FakeSiteOptions['instead'] = async (offer, port) => {
    if (offer.kind !== 'judge' || !declining.has(name)) return offer.kind === 'train' && silent.has(name);
    await port.decline(offer.id, 'too_few_rows', '7 later patients');
    return true;
  };
  sites.set(name, siteOverTls(address, name, identity, { instead }));
}

function planFile(name: string, federation: Parameters<typeof heartPlan>[0] = {}): string {
  const file = join(base, `${name}.json`);
  writeFileSync(file, canonicalJson({ ...heartPlan(federation), name }));
  return file;
}

const here = (...args: string[]): Promise<Ended> => wardround(...args, '--consortium', directory);

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'wardround-cli-'));
  ({ directory, address } = await makeConsortium(base, 'settleMs: 0\nretryDelayMs: 10\n'));
  coordinator = await startCoordinator(directory, { signal: stop.signal, log: silentLogger, clock });
  for (const name of ['aachen', 'bern']) {
    identities.set(name, await enrolledWith((await here('site', 'invite', name)).out.trim(), name));
    attend(name);
  }
});

afterEach(() => {
  silent.clear();
  declining.clear();
});

afterAll(async () => {
  await Promise.all([...sites.values()].map((site) => site.leave()));
  stop.abort();
  await coordinator?.ended;
  rmSync(base, { recursive: true, force: true });
});

describe('audit list', () => {
  test('gives every entry in order, also in pages, and says who did what', async () => {
    const all = json<AuditEntry[]>(await here('audit', 'list', '--json'));
    expect(all.map(({ sequence }) => sequence)).toEqual(all.map((_, index) => index + 1));
    const some = json<AuditEntry[]>(await here('audit', 'list', '--json', '--after', '1', '--limit', '2'));
    expect(some).toEqual(all.slice(1, 3));
    const text = await here('audit', 'list');
    expect(text.code).toBe(exitCodes.ok);
    expect(text.out).toMatch(/^ +\d+ +\S+ \S+ +enrolment\.invited +operator +.*site=aachen/m);
    expect(text.out.trim().split('\n').length).toBeGreaterThanOrEqual(all.length + 2);
  });

  test('a limit that is no number ends with 2', async () => {
    expect((await here('audit', 'list', '--limit', 'many')).code).toBe(exitCodes.badInput);
  });
});

describe('consortium init', () => {
  test('prints one JSON value and writes a directory; a second time it is refused and nothing changes', async () => {
    const made = join(base, 'made');
    const first = await wardround('consortium', 'init', made, '--address', 'example.org:7443', '--json');
    expect(first).toMatchObject({ code: exitCodes.ok, err: '' });
    expect(json(first)).toEqual({
      directory: made,
      rootFingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      address: 'example.org:7443',
      listen: '127.0.0.1:7443',
    });
    const key = readFileSync(join(made, 'authority', 'root.key'), 'utf8');
    const second = await wardround('consortium', 'init', made, '--json');
    expect(second).toMatchObject({ code: exitCodes.badInput, out: '' });
    expect(second.err).toContain(made);
    expect(readFileSync(join(made, 'authority', 'root.key'), 'utf8')).toBe(key);
  });

  test.each([
    ['--address', 'nowhere'],
    ['--certificate-days', '0'],
    ['--profile', 'dsa'],
  ])('refuses %s %s and writes nothing', async (flag, value) => {
    const made = join(base, `refused${flag}`);
    const result = await wardround('consortium', 'init', made, flag, value);
    expect(result).toMatchObject({ code: exitCodes.badInput, out: '' });
    expect(result.err).toContain(value);
    expect(readdirSync(base)).not.toContain(`refused${flag}`);
  });
});

describe('coordinator start', () => {
  test('a port that is taken is a wrong setting, named with its file', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    try {
      const made = join(base, 'taken');
      await wardround('consortium', 'init', made, '--address', `127.0.0.1:${port}`);
      const result = await wardround('coordinator', 'start', made);
      expect(result).toMatchObject({ code: exitCodes.badInput });
      expect(result.err).toContain(`${join(made, 'coordinator.yaml')}: listen: 127.0.0.1:${port}:`);
      expect(result.err).toContain('(config.invalid_value)');
    } finally {
      taken.close();
    }
  });

  test('a second coordinator on the same directory is turned away; a script may try again', async () => {
    const result = await wardround('coordinator', 'start', directory);
    expect(result).toMatchObject({ code: exitCodes.unavailable });
    expect(result.err).toContain('(store.locked)');
  });

  test('a directory without a consortium, and a setting that is not known', async () => {
    const none = await wardround('coordinator', 'start', join(base, 'none'));
    expect(none).toMatchObject({ code: exitCodes.badInput, out: '' });
    expect(none.err).toContain('config.not_found');
    const made = join(base, 'unknown-setting');
    await wardround('consortium', 'init', made);
    writeFileSync(join(made, 'coordinator.yaml'), `${readFileSync(join(made, 'coordinator.yaml'), 'utf8')}settle: 1\n`);
    const wrong = await wardround('coordinator', 'start', made);
    expect(wrong).toMatchObject({ code: exitCodes.badInput, out: '' });
    expect(wrong.err).toContain('settle');
    expect(wrong.err).toContain('config.unknown_key');
  });
});

describe('sites', () => {
  test('invite, list, revoke and readmit, each one JSON value', async () => {
    const invited = await here('site', 'invite', 'chur', '--json', '--valid-hours', '1');
    expect(invited).toMatchObject({ code: exitCodes.ok, err: '' });
    expect(json(invited)).toMatchObject({ site: 'chur', token: expect.any(String), expires: expect.any(String) });
    const listed = await here('sites', 'list', '--json');
    expect(json<SiteView[]>(listed).map(({ site, status }) => [site, status])).toEqual([
      ['aachen', 'enrolled'],
      ['bern', 'enrolled'],
      ['chur', 'invited'],
    ]);
    expect((await here('sites', 'list')).out).toContain('certificate ends');
    const revoked = await here('sites', 'revoke', 'chur', '--reason', 'a test', '--json');
    expect(json(revoked)).toMatchObject({ site: 'chur', status: 'revoked' });
    const again = await here('site', 'invite', 'chur', '--json');
    expect(again).toMatchObject({ code: exitCodes.badInput, out: '' });
    expect(again.err).toContain('wire.invalid_state');
    expect(json(await here('sites', 'readmit', 'chur', '--json'))).toMatchObject({ status: 'invited' });
  });

  test('what an operator is told is done is in the audit file by then', async () => {
    for (const args of [
      ['site', 'invite', 'davos'],
      ['sites', 'revoke', 'davos', '--reason', 'audited'],
      ['sites', 'readmit', 'davos'],
    ]) {
      expect(await here(...args)).toMatchObject({ code: exitCodes.ok });
    }
    // A process of its own would read the same: what is not committed is not there.
    const sqlite = openSqlite(join(directory, 'state', 'wardround.sqlite'), 1_000);
    try {
      const rows = sqlite.prepare("select event from audit where details like '%davos%' order by sequence").all([]);
      expect(rows.map((row) => (row as { event: string }).event)).toEqual([
        'enrolment.invited',
        'credentials.revoked',
        'credentials.readmitted',
      ]);
    } finally {
      sqlite.close();
    }
  });

  test('a name that is not there, a name that is not allowed, a flag that is not known', async () => {
    const missing = await here('sites', 'revoke', 'nowhere', '--json');
    expect(missing).toMatchObject({ code: exitCodes.notFound, out: '' });
    expect(await here('sites', 'readmit', 'nowhere')).toMatchObject({ code: exitCodes.notFound });
    const wrong = await here('site', 'invite', 'St. Mary');
    expect(wrong).toMatchObject({ code: exitCodes.badInput, out: '' });
    expect(wrong.err).toContain('St. Mary');
    expect(await here('sites', 'list', '--frobnicate')).toMatchObject({ code: exitCodes.badInput, out: '' });
    expect(await here('site', 'invite', 'x', '--valid-hours', '-1')).toMatchObject({ code: exitCodes.badInput });
  });
});

describe('runs and releases', () => {
  test('start with --watch follows to the end; what it says while sites are there names no wait', async () => {
    const file = planFile('whole', { federation: { rounds: 2 } });
    const result = await here('run', 'start', file, '--watch');
    expect(result).toMatchObject({ code: exitCodes.ok, err: '' });
    expect(result.out).toContain('round 2 of 2: published, 2 of 2 sites');
    expect(result.out.trimEnd().split('\n').at(-1)).toBe('whole-1: finished, 2 of 2 rounds, release whole/1');
    for (const line of result.out.split('\n')) expect(line).not.toMatch(/: running.*Waiting/);
  });

  test('watch --json of a run that has finished, show, list, and the export of its release', async () => {
    const watched = await here('run', 'watch', 'whole-1', '--json');
    expect(watched).toMatchObject({ code: exitCodes.ok, err: '' });
    expect(json(watched)).toMatchObject({ run: 'whole-1', status: 'finished', reason: null });
    expect(json(await here('run', 'show', 'whole-1', '--json'))).toEqual(json(watched));
    expect(json<RunView[]>(await here('run', 'list', '--json')).map(({ run }) => run)).toContain('whole-1');
    const released = json<ReleaseView>(await here('release', 'show', 'whole/1', '--json'));
    expect(released.decisions.map(({ site, decision }) => [site, decision])).toEqual([
      ['aachen', 'accept'],
      ['bern', 'accept'],
    ]);
    expect(json<ReleaseView[]>(await here('release', 'list', '--json'))).toEqual([released]);
    const out = join(base, 'exported');
    const exported = await here('release', 'export', 'whole/1', out, '--json');
    expect(json(exported)).toEqual({ version: 'whole/1', directory: out, files: readdirSync(out).sort() });
    for (const { name, digest } of released.files) expect(digestOf(readFileSync(join(out, name)))).toBe(digest);
    const twice = await here('release', 'export', 'whole/1', out);
    expect(twice).toMatchObject({ code: exitCodes.badInput, out: '' });
    expect(twice.err).toContain('export.not_empty');
  });

  test('show and list say who was asked to judge and has not', async () => {
    declining.add('bern');
    await here('run', 'start', planFile('unjudged', { federation: { rounds: 1 } }), '--watch');
    const shown = await here('release', 'show', 'unjudged/1');
    expect(shown.out.split('\n')).toContain('  not judged: bern (declined: too_few_rows: 7 later patients)');
    expect((await here('release', 'list')).out).toMatch(
      /^unjudged\/1 .* aachen accept, bern not judged \(declined\)$/m,
    );
    expect((await here('release', 'view', 'unjudged/1')).out).toContain(
      'not known: Asked, and has not judged: bern (declined: too_few_rows: 7 later patients).',
    );
  });

  test('view: what the sites share, in words, as JSON, and as one page', async () => {
    const words = await here('release', 'view', 'whole/1');
    expect(words).toMatchObject({ code: exitCodes.ok, err: '' });
    expect(words.out).toContain('whole/1: aachen accept, bern accept');
    expect(words.out).toContain('not known: What a further hospital should expect cannot be told from 2 hospitals');
    const view = json<{ wardround: string; decisions: { site: string }[] }>(
      await here('release', 'view', 'whole/1', '--json'),
    );
    expect(view).toMatchObject({ wardround: 'consortium-view/1', decisions: [{ site: 'aachen' }, { site: 'bern' }] });
    const file = join(base, 'view.html');
    const written = await here('release', 'view', 'whole/1', '--out', file);
    expect(written.out.trimEnd()).toBe(`The view of whole/1 is in ${file}.`);
    expect(readFileSync(file, 'utf8')).toMatch(/^<!doctype html>/);
    const nowhere = await here('release', 'view', 'whole/1', '--out', join(base, 'no', 'such', 'folder.html'));
    expect(nowhere).toMatchObject({ code: exitCodes.badInput, out: '' });
    expect(nowhere.err).toContain('export.not_writable');
    expect(await here('release', 'view', 'none/1')).toMatchObject({ out: '', code: exitCodes.notFound });
  });

  test('export takes a new directory, an empty one, with a slash at the end; a file in its way is named', async () => {
    const empty = join(base, 'empty');
    mkdirSync(empty, { mode: 0o750 });
    const { ino, mode } = statSync(empty);
    for (const target of [`${join(base, 'slash')}/`, `${empty}/`, join(base, 'deep', 'er')]) {
      expect([target, await here('release', 'export', 'whole/1', target)]).toMatchObject([
        target,
        { code: exitCodes.ok },
      ]);
      expect(readdirSync(target)).toContain('signature.json');
    }
    expect(statSync(empty)).toMatchObject({ ino, mode });
    const file = planFile('in-the-way');
    const refused = await here('release', 'export', 'whole/1', file);
    expect(refused).toMatchObject({ code: exitCodes.badInput, out: '' });
    expect(refused.err).toContain(file);
    expect(refused.err).toContain('export.not_writable');
    expect(readdirSync(base).filter((name) => name.includes('.part-'))).toEqual([]);
  });

  test('pause, watch, resume, stop: 6 tells a script that the run did not finish', async () => {
    silent.add('aachen');
    const started = json<RunView>(await here('run', 'start', planFile('held'), '--json'));
    expect(started).toMatchObject({ run: 'held-1', release: null });
    const watching = here('run', 'watch', 'held-1', '--json');
    // Not by a second command: the output of both would be one.
    await withOperator(directory, async (operator) => {
      await viewWhere(operator, started.run, ({ rounds }) => rounds.at(-1)?.phase === 'collecting');
      await operator.pauseRun(started.run);
    });
    const paused = await watching;
    expect(paused.code).toBe(exitCodes.runNotFinished);
    expect(json(paused)).toMatchObject({ status: 'paused', reason: 'Paused by operator.' });
    expect(await here('run', 'watch', 'held-1', '--json')).toMatchObject({ code: exitCodes.runNotFinished });
    const twice = await here('run', 'pause', 'held-1');
    expect(twice).toMatchObject({ code: exitCodes.badInput, out: '' });
    expect(twice.err).toContain('held-1 is paused');
    expect(json<RunView>(await here('run', 'resume', 'held-1', '--json')).status).toMatch(/running|waiting/);
    expect(await here('run', 'resume', 'held-1')).toMatchObject({ code: exitCodes.badInput, out: '' });
    expect(json(await here('run', 'stop', 'held-1', '--json'))).toMatchObject({ status: 'stopped' });
    const watched = await here('run', 'watch', 'held-1');
    expect(watched.code).toBe(exitCodes.runNotFinished);
    expect(watched.out).toContain('held-1: stopped');
    expect(await here('run', 'stop', 'held-1')).toMatchObject({ code: exitCodes.badInput, out: '' });
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends a watch with 130, and the run goes on', async (signal) => {
    silent.add('aachen');
    const { run } = json<RunView>(await here('run', 'start', planFile(`cut-${signal.toLowerCase()}`), '--json'));
    const before = process.listenerCount(signal);
    const watching = here('run', 'watch', run);
    await expect.poll(() => process.listenerCount(signal)).toBe(before + 1);
    process.emit(signal);
    expect((await watching).code).toBe(exitCodes.interrupted);
    expect(process.listenerCount(signal)).toBe(before);
    expect(json<RunView>(await here('run', 'stop', run, '--json')).status).toBe('stopped');
  });

  test('a run below its minimum pauses, says who did not answer, and watch ends with 6', async () => {
    silent.add('bern');
    const federation = { rounds: 1, roundDeadlineSeconds: 60, graceSeconds: 0, retries: 0 };
    const watching = here('run', 'start', planFile('short', { federation }), '--watch', '--json');
    await withOperator(directory, async (operator) => {
      await expect.poll(async () => (await operator.listRuns()).map(({ run }) => run)).toContain('short-1');
      await viewWhere(operator, 'short-1' as RunId, ({ rounds }) => rounds[1]?.received.length === 1);
    });
    clock.move(60_000);
    const result = await watching;
    expect(result.code).toBe(exitCodes.runNotFinished);
    const view = json<RunView>(result);
    expect(view.status).toBe('paused');
    expect(view.reason).toContain('bern (no_answer)');
    silent.clear();
    await here('run', 'resume', 'short-1');
    expect(json(await here('run', 'watch', 'short-1', '--json'))).toMatchObject({ status: 'finished' });
  });

  test('a run that waits says who is missing; once its rounds are open it no longer does', async () => {
    await sites.get('bern')?.leave();
    silent.add('bern');
    await here('run', 'start', planFile('waits', { federation: { rounds: 1 } }));
    await expect
      .poll(async () => json<RunView>(await here('run', 'show', 'waits-1', '--json')))
      .toMatchObject({ status: 'waiting', reason: expect.stringContaining('not connected: bern') });
    attend('bern');
    await expect
      .poll(async () => json<RunView>(await here('run', 'show', 'waits-1', '--json')).rounds.at(-1))
      .toMatchObject({ round: 1, received: ['aachen'] });
    expect(json(await here('run', 'show', 'waits-1', '--json'))).toMatchObject({ status: 'running', reason: null });
    await here('run', 'stop', 'waits-1');
  });

  test('what is not there is 4, a plan that is wrong is 2 with file and line', async () => {
    for (const args of [
      ['run', 'show', 'none-1'],
      ['run', 'watch', 'none-1'],
      ['run', 'pause', 'none-1'],
      ['run', 'stop', 'none-1'],
      ['release', 'show', 'none/1'],
      ['release', 'export', 'none/1', join(base, 'never')],
      ['run', 'start', planFile('orphan'), '--from', 'none/1'],
    ]) {
      expect([args, await here(...args, '--json')]).toMatchObject([args, { code: exitCodes.notFound, out: '' }]);
    }
    const wrong = join(base, 'wrong.yaml');
    writeFileSync(wrong, 'wardround: plan/1\nfrobnicate: 1\n');
    const refused = await here('run', 'start', wrong);
    expect(refused).toMatchObject({ code: exitCodes.badInput, out: '' });
    expect(refused.err).toContain(`${wrong}:2:1: frobnicate: unknown key`);
    expect(await here('run', 'start', join(base, 'no-plan.yaml'))).toMatchObject({ code: exitCodes.badInput });
  });
});

test('a watcher does not hold up a coordinator that stops, and is told to try again', async () => {
  const other = join(base, 'other');
  mkdirSync(other);
  // A coordinator that waited for its watchers would wait for longer than this test may take.
  const { directory: its } = await makeConsortium(other, 'drainMs: 600000\n');
  const ending = new AbortController();
  const running = await startCoordinator(its, { signal: ending.signal, log: silentLogger });
  expect(await wardround('run', 'start', planFile('lonely'), '--consortium', its)).toMatchObject({
    code: exitCodes.ok,
  });
  const watching = wardround('run', 'watch', 'lonely-1', '--consortium', its);
  await expect.poll(() => said).toContain('lonely-1: waiting');
  ending.abort();
  await running.ended;
  const watched = await watching;
  expect(watched).toMatchObject({ code: exitCodes.unavailable });
  expect(watched.out).toContain('lonely-1: waiting');
  expect(watched.err).toContain('The coordinator is stopping; watch again.');
});

describe('exit codes of a coordinator that does not answer or does not trust', () => {
  test('unreachable is 5', async () => {
    const made = join(base, 'unreachable');
    await wardround('consortium', 'init', made, '--address', `127.0.0.1:${await freePort()}`);
    for (const args of [
      ['run', 'list'],
      ['run', 'watch', 'x-1'],
      ['sites', 'list'],
      ['site', 'invite', 'x'],
      ['release', 'list'],
    ]) {
      const result = await wardround(...args, '--json', '--consortium', made);
      expect([args, result]).toMatchObject([args, { code: exitCodes.unavailable, out: '' }]);
      expect(result.err).toContain('wire.unavailable');
      expect(result.err).toMatch(
        /^No coordinator answers at 127\.0\.0\.1:\d+ \(connect ECONNREFUSED [^)]*\)\. Start it: wardround coordinator start /,
      );
      expect(result.err).toContain(made);
    }
  });

  test("another consortium's operator is 3", async () => {
    const made = join(base, 'stranger');
    await wardround('consortium', 'init', made, '--address', address);
    const result = await wardround('run', 'list', '--json', '--consortium', made);
    expect(result).toMatchObject({ code: exitCodes.refused, out: '' });
    expect(result.err).toContain('wire.wrong_authority');
  });

  test('a directory without an operator is 2', async () => {
    const result = await wardround('run', 'list', '--consortium', join(base, 'nothing'));
    expect(result).toMatchObject({ code: exitCodes.badInput, out: '' });
    expect(result.err).toContain('--consortium');
  });
});
