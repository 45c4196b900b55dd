import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../shared/runtime/logger.ts';
import { demoEnvironment } from '../../simulations/demo/run-demo.ts';
import { writeStory } from '../../simulations/demo/story.ts';
import type { Summary } from '../../simulations/report/summary.ts';
import { simulateCohort } from '../../simulations/run-simulation.ts';
import { heartQuery } from '../../simulations/site-setup.ts';
import { isAlive, program } from './theatre.ts';

const published = join(
  process.env.WARDROUND_DATA ?? fileURLToPath(new URL('../../../shared/data', import.meta.url)),
  'heart-disease',
);
const limitMs = 600_000;
const folders: string[] = [];
const started: ChildProcess[] = [];

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

interface Demo {
  readonly child: ChildProcess;
  readonly out: string;
  /** Where the demo puts its own directories. */
  readonly temporary: string;
  /** The home of whoever runs it, where it must put nothing. */
  readonly home: string;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
  saysOnStderr(pattern: RegExp): Promise<string>;
}

function startDemo(...args: string[]): Demo {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-demo-test-'));
  folders.push(folder);
  const out = join(folder, 'out');
  const [temporary, home] = [mkdtempSync(join(folder, 'tmp-')), mkdtempSync(join(folder, 'home-'))];
  const child = spawn(process.execPath, [program, 'demo', '--out', out, ...args], {
    env: { ...demoEnvironment(), TMPDIR: temporary, HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  const text = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  child.stdout.on('data', (chunk: Buffer) => {
    text.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    text.stderr += chunk.toString();
    for (const listener of listeners) listener();
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve)).then((code) => ({
    code,
    ...text,
  }));
  return {
    child,
    out,
    temporary,
    home,
    ended,
    saysOnStderr: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(text.stderr);
          if (match !== null) resolve(match[1] ?? match[0]);
        };
        listeners.add(look);
        look();
        void ended.then(({ stderr }) => reject(new Error(`the demo ended without saying ${pattern}:\n${stderr}`)));
      }),
  };
}

/** Processes whose parent is this one, from /proc. */
function childrenOf(pid: number): { readonly pid: number; readonly command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // The name in brackets may hold spaces; after it come the state and the parent.
        const parent = Number(
          readFileSync(`/proc/${name}/stat`, 'utf8')
            .replace(/^.*\) /, '')
            .split(' ')[1],
        );
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return parent === pid ? [{ pid: Number(name), command }] : [];
      } catch {
        return [];
      }
    });
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function expectNothingLeft(demo: Demo, pids: readonly number[], port: number): Promise<void> {
  expect(pids.filter(isAlive)).toEqual([]);
  expect(await isOpen(port)).toBe(false);
  expect(readdirSync(demo.temporary)).toEqual([]);
  expect(readdirSync(demo.home)).toEqual([]);
}

describe('wardround demo', () => {
  it(
    'trains at four hospitals, has both releases judged, and Cleveland refuses the second',
    async () => {
      const demo = startDemo();
      const port = Number(await demo.saysOnStderr(/listens on 127\.0\.0\.1:(\d+)/));
      const { code, stdout, stderr } = await demo.ended;
      expect(stderr).toContain('4 agents attend: five processes');
      expect(code).toBe(0);
      expect(stdout).toMatch(/heart-disease\/2 +cleveland +REJECT/);
      await expectNothingLeft(demo, [], port);

      const summary = JSON.parse(readFileSync(join(demo.out, 'summary.json'), 'utf8')) as Summary;
      expect(summary.rounds.map(({ round }) => round)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      for (const run of summary.runs) {
        for (const round of run.rounds) {
          expect(round.sites).toEqual(['cleveland', 'hungarian', 'long-beach', 'switzerland']);
          expect(round.bytesUp).toBeGreaterThan(0);
          expect(round.bytesDown).toBeGreaterThan(0);
        }
      }
      const [first, second] = summary.releases;
      const decisions = (release: typeof first): Record<string, string> =>
        Object.fromEntries((release?.decisions ?? []).map(({ site, decision }) => [site, decision]));
      expect(decisions(first)).toMatchObject({ cleveland: 'accept', hungarian: 'accept', 'long-beach': 'accept' });
      expect(decisions(second)).toMatchObject({ cleveland: 'reject', hungarian: 'accept', 'long-beach': 'accept' });
      // Hardly a patient in Switzerland is without disease: too few to judge by.
      expect([decisions(first).switzerland, decisions(second).switzerland]).toEqual(['hold', 'hold']);
      const cleveland = second?.decisions.find(({ site }) => site === 'cleveland');
      expect(cleveland?.reasons[0]).toBe('harm.auroc');
      expect(cleveland?.evidence).toBe('prospective');
      expect(cleveland?.auroc.difference.high).toBeLessThan(-0.02);
      expect(statSync(join(demo.out, 'report.html')).size).toBeLessThan(1024 * 1024);

      // The same plan, patients and seed in one process: the same model, the same figures.
      const [{ plan, sites }] = writeStory({ data: null, seed: 7, rows: 2400, rounds: 10 }).acts;
      const simulated = await simulateCohort(
        { title: 'in one process', seed: 7, plan },
        { sites, query: heartQuery, holdoutColumn: null },
        { signal: AbortSignal.timeout(300_000), log: silentLogger },
      );
      expect(simulated.view.plan).toBe(summary.plan);
      expect(simulated.view.rounds.at(-1)?.weights).toBe(summary.runs[0]?.weights);
      for (const { site, judgement } of simulated.releases[0]?.decisions ?? []) {
        const decided = first?.decisions.find((one) => one.site === site);
        expect(decided?.auroc.new.value).toBe(judgement.evidence.auroc.new.value);
        expect(decided?.decision).toBe(judgement.decision.decision);
      }
    },
    limitMs,
  );

  it.skipIf(!existsSync(published))(
    'does so on the published files, where every judgement is marked as retrospective (needs ../shared/data/heart-disease)',
    async () => {
      const demo = startDemo('--data', published, '--json');
      const { code, stdout, stderr } = await demo.ended;
      expect(code, stderr).toBe(0);
      const summary = JSON.parse(stdout) as Summary;
      expect(summary.releases.flatMap(({ decisions }) => decisions.map(({ evidence }) => evidence))).toEqual(
        Array.from({ length: 8 }, () => 'retrospective'),
      );
      const cleveland = summary.releases[1]?.decisions.find(({ site }) => site === 'cleveland');
      expect(cleveland).toMatchObject({ decision: 'reject' });
      expect(cleveland?.reasons[0]).toBe('harm.auroc');
    },
    limitMs,
  );

  it.skipIf(!existsSync('/proc'))(
    'leaves no process, port or directory when it is interrupted (needs /proc)',
    async () => {
      const demo = startDemo('--rows', '300');
      const port = Number(await demo.saysOnStderr(/listens on 127\.0\.0\.1:(\d+)/));
      await demo.saysOnStderr(/agents attend/);
      const pids = childrenOf(demo.child.pid as number).map(({ pid }) => pid);
      expect(pids.length).toBeGreaterThanOrEqual(5);
      expect(await isOpen(port)).toBe(true);
      demo.child.kill('SIGINT');
      const { code, stderr } = await demo.ended;
      expect(code).toBe(130);
      expect(stderr).toContain('simulation.interrupted');
      await expectNothingLeft(demo, pids, port);
    },
    limitMs,
  );

  it.skipIf(!existsSync('/proc'))(
    'says who died and with which words, and leaves nothing, when a process ends by itself (needs /proc)',
    async () => {
      const demo = startDemo('--rows', '300', '--rounds', '500');
      const port = Number(await demo.saysOnStderr(/listens on 127\.0\.0\.1:(\d+)/));
      await demo.saysOnStderr(/agents attend/);
      const processes = childrenOf(demo.child.pid as number);
      const agent = processes.find(({ command }) => /site start .*hungarian/.test(command));
      process.kill(agent?.pid as number, 'SIGKILL');
      const { code, stderr } = await demo.ended;
      expect(code).not.toBe(0);
      expect(stderr).toContain('the agent of hungarian was ended by SIGKILL. Its last words:');
      await expectNothingLeft(
        demo,
        processes.map(({ pid }) => pid),
        port,
      );
    },
    limitMs,
  );

  it('names a folder without the published files, and what it must hold', async () => {
    const demo = startDemo('--data', join(tmpdir(), 'wardround-no-such-folder'));
    const { code, stderr } = await demo.ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(/processed\.cleveland\.data cannot be read/);
    expect(stderr).toContain('simulation.cohort_file_missing');
  });
});
