import { describe, expect, it } from 'vitest';
import { createProgress } from '../../../simulations/demo/progress.ts';

function recorder(settings: { isTTY?: boolean; columns?: number }) {
  const written: string[] = [];
  return { written, stream: { ...settings, write: (text: string) => written.push(text) } };
}

describe('progress', () => {
  it('draws one line over and over on a terminal, no wider than it is, and ends it before the next sentence', () => {
    const { written, stream } = recorder({ isTTY: true, columns: 40 });
    const progress = createProgress(stream, () => 1500);
    progress.rounds('run-1', 1, 4, 'loss 0.5');
    progress.rounds('run-1', 2, 4, 'loss 0.4');
    progress.stage('judging');
    expect(written[0]).toBe(`\r\u001b[2K  1.5 s  run-1 ${'█'.repeat(6)}${'░'.repeat(18)}`);
    expect(written.slice(2)).toEqual(['\n', '  1.5 s  judging\n']);
  });

  it('writes plain lines elsewhere, each once', () => {
    const { written, stream } = recorder({});
    const progress = createProgress(stream, () => 62_000);
    progress.rounds('run-1', 1, 4, 'loss 0.5');
    progress.rounds('run-1', 1, 4, 'loss 0.5');
    progress.end();
    expect(written).toEqual([' 62.0 s  run-1 round 1 of 4  loss 0.5\n']);
  });
});
