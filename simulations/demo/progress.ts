/** Tells a person how far the demo is: one line that redraws itself on a terminal, plain lines elsewhere. */
export interface Progress {
  /** A new stage: a sentence. */
  stage(text: string): void;
  /** Rounds of a run that are done. */
  rounds(label: string, done: number, total: number, detail: string): void;
  /** Leaves the line as it is. */
  end(): void;
}

export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const barWidth = 24;

/** @param nowMs elapsed milliseconds, for the seconds before each line */
export function createProgress(stream: ProgressStream, nowMs: () => number): Progress {
  const isTerminal = stream.isTTY === true;
  let open = false;
  let last = '';
  const seconds = (): string => `${(nowMs() / 1000).toFixed(1).padStart(5)} s  `;

  const close = (): void => {
    if (open) stream.write('\n');
    open = false;
  };
  return {
    stage(text) {
      close();
      stream.write(`${seconds()}${text}\n`);
    },
    rounds(label, done, total, detail) {
      const filled = Math.round((barWidth * done) / Math.max(1, total));
      const line = `${label} ${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${done}/${total}  ${detail}`;
      if (line === last) return;
      last = line;
      if (!isTerminal) {
        stream.write(`${seconds()}${label} round ${done} of ${total}  ${detail}\n`);
        return;
      }
      // Some terminals say that they have 0 columns: then none was asked.
      const columns = stream.columns === undefined || stream.columns === 0 ? 100 : stream.columns;
      const text = `${seconds()}${line}`.slice(0, Math.max(20, columns - 1));
      stream.write(`\r\u001b[2K${text}`);
      open = true;
    },
    end: close,
  };
}
