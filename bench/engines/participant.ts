import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A round as an engine carried it out. */
export interface Epoch {
  /** Of one epoch. */
  readonly ms: number;
  /** Time of all its threads on processors, of one epoch. */
  readonly processorMs: number;
  /** Mean loss over the rows of the last epoch, each before its step. */
  readonly loss: number;
  /** L2 norm of what the round added to the weights. */
  readonly change: number;
}

export type ChildMessage =
  | { readonly kind: 'ready'; readonly description: string }
  | { readonly kind: 'missing'; readonly reason: string }
  | ({ readonly kind: 'epoch' } & Epoch)
  | { readonly kind: 'end'; readonly peakMegabytes: number };

/** An engine in a process of its own that trains one round when asked. */
export interface Participant {
  readonly name: string;
  readonly description: string;
  epoch(limitMs: number): Promise<Epoch>;
  /** Ends the process. @returns MiB at its peak beyond what it held before the runtime was loaded */
  end(): Promise<number>;
  kill(): void;
}

/** Says why an engine takes no part. */
export class PassedOver extends Error {}

/** Messages of a child, one after the other, each waited for with a limit. */
class Conversation {
  readonly #child: ChildProcess;
  readonly #send: (request: string) => void;
  readonly #come: ChildMessage[] = [];
  #waiting: ((message: ChildMessage) => void) | null = null;

  constructor(child: ChildProcess, send: (request: string) => void) {
    this.#child = child;
    this.#send = send;
    child.on('exit', (code, signal) =>
      this.heard({ kind: 'missing', reason: `its process ended with ${signal ?? code}` }),
    );
    child.on('error', (cause) => this.heard({ kind: 'missing', reason: cause.message }));
  }

  heard(message: ChildMessage): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting === null) this.#come.push(message);
    else waiting(message);
  }

  async next<Kind extends ChildMessage['kind']>(
    kind: Kind,
    limitMs: number,
    request?: string,
  ): Promise<Extract<ChildMessage, { kind: Kind }>> {
    const answer = new Promise<ChildMessage>((resolve) => {
      const come = this.#come.shift();
      if (come !== undefined) resolve(come);
      else this.#waiting = resolve;
    });
    if (request !== undefined) this.#send(request);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new PassedOver(`it takes more than ${limitMs / 1000} s`)), limitMs);
    });
    try {
      const message = await Promise.race([answer, late]);
      if (message.kind === kind) return message as Extract<ChildMessage, { kind: Kind }>;
      throw new PassedOver(message.kind === 'missing' ? message.reason : `it answered ${message.kind}`);
    } catch (cause) {
      this.#child.kill('SIGKILL');
      throw cause;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Loading a runtime and, on a first start, compiling its shaders. */
const startLimitMs = 180_000;

async function started(name: string, child: ChildProcess, conversation: Conversation): Promise<Participant> {
  const { description } = await conversation.next('ready', startLimitMs);
  return {
    name,
    description,
    epoch: (limitMs) => conversation.next('epoch', limitMs, 'round'),
    end: async () => (await conversation.next('end', startLimitMs, 'end')).peakMegabytes,
    kill: () => child.kill('SIGKILL'),
  };
}

/** One of the product's engines, by the name a site gives it. @throws PassedOver */
export function startEngine(name: string, caseName: string, directory: string | undefined): Promise<Participant> {
  const child = fork(
    fileURLToPath(new URL('./epoch-child.ts', import.meta.url)),
    directory === undefined ? [name, caseName] : [name, caseName, directory],
    { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] },
  );
  const conversation = new Conversation(child, (request) => child.send(request));
  child.on('message', (message) => conversation.heard(message as ChildMessage));
  return started(name, child, conversation);
}

/** PyTorch in this Python, on the rows of a file made by `writeCase`. @throws PassedOver */
export function startPytorch(python: string, file: string, threads: number): Promise<Participant> {
  const script = fileURLToPath(new URL('./pytorch.py', import.meta.url));
  const child = spawn(python, [script, file, String(threads)], { stdio: ['pipe', 'pipe', 'pipe'] });
  const { stdin, stdout, stderr } = child;
  const conversation = new Conversation(child, (request) => stdin.write(`${request}\n`));
  // A process that has ended says so by its exit.
  stdin.on('error', () => {});
  let said = '';
  stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-400);
  });
  createInterface({ input: stdout }).on('line', (line) => conversation.heard(JSON.parse(line) as ChildMessage));
  const name = `pytorch, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return started(name, child, conversation).catch((cause: unknown) => {
    throw cause instanceof PassedOver && said !== '' ? new PassedOver(`${cause.message}: ${said.trim()}`) : cause;
  });
}
