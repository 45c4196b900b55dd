import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { splitPem } from '../../certs/chain.ts';
import { isSiteName, type SiteName } from '../../shared/runtime/ids.ts';
import { AgentError } from './agent-error.ts';

/** Who this site is and how it proves it: what enrolment left in `identity/`. */
export interface AgentIdentity {
  readonly site: SiteName;
  /** Address of the coordinator, `host:port`. */
  readonly address: string;
  /** PKCS#8 PEM. */
  readonly keyPem: string;
  /** PEM, leaf first. */
  readonly certificates: readonly string[];
  readonly rootPem: string;
}

const identityFile = z.object({ site: z.string().refine(isSiteName), address: z.string().min(1) });

/** @throws AgentError `not_enrolled` */
export function readIdentity(directory: string): AgentIdentity {
  const folder = join(directory, 'identity');
  const read = (name: string): string => {
    try {
      return readFileSync(join(folder, name), 'utf8');
    } catch (cause) {
      throw new AgentError(
        'not_enrolled',
        `${join(folder, name)} is not there. Enrol this site first: wardround site enrol TOKEN --dir ${directory}`,
        { file: join(folder, name) },
        cause,
      );
    }
  };
  const text = read('identity.json');
  let parsed: z.infer<typeof identityFile>;
  try {
    parsed = identityFile.parse(JSON.parse(text));
  } catch (cause) {
    const file = join(folder, 'identity.json');
    throw new AgentError('not_enrolled', `${file} is damaged; enrol this site again.`, { file }, cause);
  }
  return {
    site: parsed.site as SiteName,
    address: parsed.address,
    keyPem: read('key.pem'),
    certificates: splitPem(read('certificate.pem')),
    rootPem: read('root.pem'),
  };
}
