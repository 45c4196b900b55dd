import type { ModelNotice } from '../../shared/plan/notice.ts';
import { noticeSchema } from '../../shared/plan/notice-schema.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';
import type { ShelvedRelease } from '../releases/release-shelf.ts';
import { type Refusal, refusal } from './refusal.ts';

/** Whether a notice has its form and is the sender's own; null when both hold. */
export function noticeShape(notice: ModelNotice, sender: SiteName): Refusal | null {
  const shape = noticeSchema.safeParse(notice);
  if (!shape.success) {
    const [issue] = shape.error.issues;
    return refusal('malformed', `The notice: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}.`);
  }
  return notice.site === sender
    ? null
    : refusal('wrong_site', `The notice is of site ${notice.site}; the certificate is of ${sender}.`);
}

/** Whether a notice is of this very release and its plan; null when it is. */
export function checkNotice(notice: ModelNotice, release: ShelvedRelease | null): Refusal | null {
  const { version, digest } = notice.release;
  if (release === null || release.digest !== digest) {
    return refusal('unknown_release', `There is no release ${version} with digest ${digest}.`);
  }
  return notice.plan === release.plan
    ? null
    : refusal('wrong_plan', `The notice names plan ${notice.plan}, the release's is ${release.plan}.`);
}
