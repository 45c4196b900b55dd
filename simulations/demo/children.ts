import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { SimulationError } from '../simulation-error.ts';

const keptLines = 40;
const shownLines = 12;

/** This very program: its compiled or its source form, as this module is one or the other. */
const program = fileURLToPath(
  new URL(`../../cli/main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
);

/** A `wardround` process that was started to go on. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Resolves with one of the lines it has printed or will print, or rejects when it ends first. */
  waitForLine(pattern: RegExp, timeoutMs: number): Promise<string>;
  /** Rejects with `process_died` when it ends without having been told to; never resolves. */
  readonly died: Promise<never>;
  /** Asks it to end, forces it after the grace time, resolves when it is gone. */
  stop(graceMs: number): Promise<void>;
}

/** Starts `wardround` processes and takes every one of them down again. */
export interface Children {
  /** Starts a process that goes on until it is stopped. */
  start(name: string, args: readonly string[]): Child;
  /** Runs a command to its end and gives back what it printed. @throws SimulationError `process_died` with its last words */
  run(name: string, args: readonly string[]): Promise<string>;
  /** Stops all that still run, last started first. */
  stopAll(): Promise<void>;
}

interface Started {
  readonly process: ChildProcess;
  readonly lines: string[];
  readonly gone: Promise<string>;
  readonly listeners: Set<(line: string) => void>;
}

/**
 * @param environment of every process
 * @param directory in which they run
 * @param main what is run; this very program when absent
 */
export function createChildren(environment: NodeJS.ProcessEnv, directory: string, main: string = program): Children {
  let closed = false;
  const running = new Set<Child>();
  const commands = new Map<ChildProcess, Promise<string>>();

  function launch(args: readonly string[]): Started & { output: string[] } {
    // What an interruption overtook must not start anything that nobody would stop.
    if (closed) throw new SimulationError('interrupted');
    const options = main === program ? process.execArgv : [];
    const child = spawn(process.execPath, [...options, main, ...args], {
      cwd: directory,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const lines: string[] = [];
    const output: string[] = [];
    const listeners = new Set<(line: string) => void>();
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (stream === child.stdout) output.push(line);
        lines.push(line);
        if (lines.length > keptLines) lines.shift();
        for (const listener of [...listeners]) listener(line);
      });
    }
    const gone = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(`could not be started: ${error.message}`));
      child.once('close', (code, signal) =>
        resolve(signal === null ? `ended with code ${code}` : `was ended by ${signal}`),
      );
    });
    return { process: child, lines, output, gone, listeners };
  }

  function died(name: string, how: string, lines: readonly string[]): SimulationError {
    const words = lines.slice(-shownLines).map((line) => `  ${line}`);
    return new SimulationError('process_died', [`${name} ${how}. Its last words:`, ...words].join('\n'), { name });
  }

  async function end(child: ChildProcess, gone: Promise<string>, graceMs: number): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await gone;
    clearTimeout(force);
  }

  function start(name: string, args: readonly string[]): Child {
    const { process: child, lines, gone, listeners } = launch(args);
    let stopping = false;
    const diedEarly = gone.then((how): Promise<never> => {
      running.delete(handle);
      return stopping ? new Promise<never>(() => undefined) : Promise.reject(died(name, how, lines));
    });
    // Whoever waits for it hears of it; nobody needs to.
    diedEarly.catch(() => undefined);
    const handle: Child = {
      name,
      pid: child.pid ?? -1,
      died: diedEarly,
      async waitForLine(pattern, timeoutMs) {
        const already = lines.find((line) => pattern.test(line));
        if (already !== undefined) return already;
        let listener: (line: string) => void = () => undefined;
        let timer: NodeJS.Timeout | undefined;
        try {
          const seen = new Promise<string>((resolve, reject) => {
            listener = (line) => {
              if (pattern.test(line)) resolve(line);
            };
            timer = setTimeout(() => {
              const words = lines.slice(-shownLines).map((line) => `  ${line}`);
              const text = `${name} said nothing of "${pattern.source}" in ${timeoutMs / 1000} s. Its last words:`;
              reject(new SimulationError('process_silent', [text, ...words].join('\n'), { name }));
            }, timeoutMs);
          });
          listeners.add(listener);
          // Stopped on purpose, it says no more either.
          const silent = gone.then((): Promise<never> => Promise.reject(new SimulationError('interrupted')));
          return await Promise.race([seen, diedEarly, silent]);
        } finally {
          listeners.delete(listener);
          clearTimeout(timer);
        }
      },
      async stop(graceMs) {
        stopping = true;
        await end(child, gone, graceMs);
        running.delete(handle);
      },
    };
    running.add(handle);
    return handle;
  }

  return {
    start,
    async run(name, args) {
      const { process: child, lines, output, gone } = launch(args);
      commands.set(child, gone);
      const how = await gone;
      commands.delete(child);
      if (child.exitCode !== 0) throw died(name, how, lines);
      return output.join('\n');
    },
    async stopAll() {
      closed = true;
      for (const child of commands.keys()) child.kill('SIGKILL');
      await Promise.all(commands.values());
      // The agents first, so that the coordinator does not wait for them.
      await Promise.all([...running].slice(1).map((child) => child.stop(4_000)));
      await Promise.all([...running].map((child) => child.stop(4_000)));
    },
  };
}
