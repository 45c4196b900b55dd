import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Judgement } from '../../shared/plan/judgement.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import { evidenceText } from '../../shared/report/evidence-file.ts';
import { writeFileAtomically } from '../../shared/runtime/files.ts';
import type { Digest } from '../../shared/runtime/ids.ts';
import { asStorageError } from '../agent/agent-error.ts';

const folderName = 'judgements';

/** Folder of a site's evidence files: one a judgement, none is ever changed or removed. */
export function evidenceFolder(directory: string): string {
  return join(directory, folderName);
}

/**
 * Keeps a judgement's evidence file, named by version, time and digest. The same judgement again changes nothing.
 * @returns its digest
 * @throws AgentError `storage_full`
 */
export async function keepEvidence(directory: string, judgement: Judgement, policy: Policy): Promise<Digest> {
  const { text, digest } = evidenceText(judgement, policy);
  const { release, judgedAt } = judgement.evidence;
  const name = `${release.version.replace('/', '-')}_${judgedAt.replaceAll(/[:.]/g, '-')}_${digest.slice(0, 16)}.json`;
  const path = join(evidenceFolder(directory), name);
  try {
    await mkdir(evidenceFolder(directory), { recursive: true, mode: 0o700 });
    await writeFileAtomically(path, `${text}\n`, { mode: 0o600 });
  } catch (cause) {
    throw asStorageError(cause, path);
  }
  return digest;
}

/** Every evidence file of a site, by name: release, then time of the judgement. */
export async function listEvidence(
  directory: string,
): Promise<readonly { readonly name: string; readonly text: string }[]> {
  let names: string[];
  try {
    names = await readdir(evidenceFolder(directory));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw cause;
  }
  const files = names.filter((name) => /^[a-z].*\.json$/.test(name)).sort();
  return Promise.all(
    files.map(async (name) => ({
      name,
      text: (await readFile(join(evidenceFolder(directory), name), 'utf8')).trimEnd(),
    })),
  );
}
