import { readFileSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import { evidenceFileOf } from '../../shared/report/evidence-file.ts';
import { commandGroup } from '../../shared/runtime/command-group.ts';
import { replayEvidence } from '../judging/evidence-file.ts';
import { JudgingError } from '../judging/judging-error.ts';
import { printJson } from './options.ts';

const maximumBytes = 64 * 1024 ** 2;

function readEvidence(path: string): { readonly text: string; readonly page: boolean } {
  let text: string;
  try {
    const { size } = statSync(path);
    if (size > maximumBytes) {
      throw new JudgingError(
        'evidence_malformed',
        `${path}: has ${size} bytes; an evidence file has at most ${maximumBytes}.`,
        { file: path },
      );
    }
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof JudgingError) throw cause;
    throw new JudgingError('evidence_missing', `${path}: cannot be read.`, { file: path }, cause);
  }
  if (!text.trimStart().startsWith('<')) return { text, page: false };
  const embedded = evidenceFileOf(text);
  if (embedded === null) {
    throw new JudgingError(
      'evidence_malformed',
      `${path}: is a page without an evidence file in it, or with one that was changed.`,
      { file: path },
    );
  }
  return { text: embedded, page: true };
}

function replay(path: string, options: { readonly json?: boolean }): void {
  const { text: evidence, page } = readEvidence(path);
  const { file, digest, decision, same, differences } = replayEvidence(evidence, path);
  if (options.json === true) printJson({ file: path, digest, same, decision, differences });
  if (!same) {
    throw new JudgingError(
      'replay_differs',
      `${path}: the decision in it is not what its policy, package and evidence give:\n${differences.map((line) => `  ${line}`).join('\n')}`,
      { file: path },
    );
  }
  if (options.json === true) return;
  console.log(`${file.evidence.release.version} at ${file.evidence.site}, judged ${file.evidence.judgedAt}`);
  console.log(`  evidence file  ${digest}`);
  console.log(`  policy         ${decision.policy}`);
  console.log(`  package        ${decision.package}`);
  console.log(`  evidence       ${decision.evidence}`);
  console.log(`The same decision again, byte for byte: ${decision.decision}.`);
  if (page)
    console.log('Checked was the evidence file inside the page, not the sentences and plots that the page shows.');
  for (const { code, text, settles } of decision.reasons) {
    console.log(`  ${code}: ${text}${settles === undefined ? '' : `\n    What would settle it: ${settles}`}`);
  }
}

/** Adds `wardround judge`. It needs no site and no network: an evidence file is all. */
export function register(program: Command): void {
  commandGroup(program, 'judge', 'decisions of the gate, replayed from their evidence')
    .command('replay')
    .argument('<evidence>', 'an evidence file, or a report with one in it')
    .option('--json', 'print one JSON value')
    .description('decide again on an evidence file, and compare byte for byte with the decision in it')
    .action(replay);
}
