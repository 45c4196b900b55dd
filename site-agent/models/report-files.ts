import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type JudgementReportInput,
  judgementReport,
  reportName,
} from '../../shared/report/judgement/judgement-report.ts';
import { writeFileAtomically } from '../../shared/runtime/files.ts';
import { asStorageError } from '../agent/agent-error.ts';
import { DataError } from '../data/data-error.ts';

const folderName = 'reports';

/** What was written: the page, and the evidence file beside it where it does not fit inside. */
export interface WrittenReport {
  readonly file: string;
  readonly evidenceFile: string | null;
}

/**
 * Writes the report on a judgement, by default to the site's `reports/`, readable by this account alone: its figures are exact.
 * @throws AgentError `storage_full`; DataError `output_failed` where `out` cannot be written; or what the file system says
 */
export async function writeReport(
  directory: string,
  input: JudgementReportInput,
  out?: string,
): Promise<WrittenReport> {
  const { page, evidence, embedded } = judgementReport(input);
  const { judgedAt } = input.judgement.evidence;
  const time = judgedAt.slice(0, 19).replaceAll(/[:.]/g, '-');
  const file = out ?? join(directory, folderName, `${reportName(input.judgement)}_${time}.html`);
  const evidenceFile = embedded ? null : file.replace(/(\.html?)?$/, '.evidence.json');
  try {
    if (out === undefined) await mkdir(join(directory, folderName), { recursive: true, mode: 0o700 });
    if (evidenceFile !== null) await writeFileAtomically(evidenceFile, `${evidence.text}\n`, { mode: 0o600 });
    await writeFileAtomically(file, page, { mode: 0o600 });
  } catch (cause) {
    const stored = asStorageError(cause, file);
    if (out === undefined || stored !== cause) throw stored;
    throw new DataError('output_failed', `--out ${file}: cannot be written.`, { file }, cause);
  }
  return { file, evidenceFile };
}

/** The same, right after a judgement. A report can be written again at any time, so that a failure is no reason to lose the judgement. */
export async function keepReport(directory: string, input: JudgementReportInput): Promise<void> {
  try {
    await writeReport(directory, input);
  } catch {
    // `wardround site report` writes it again, and says what is wrong.
  }
}
