import type { Judgement } from '../../shared/plan/judgement.ts';
import type { SiteTable } from '../data/site-table.ts';
import { type JudgeInput, judgeRelease } from './judge-release.ts';

/** A site's rows under a plan, as `data/` delivers them. */
export interface JudgingRows extends Pick<JudgeInput, 'problemRows' | 'outOfRange' | 'unknownLevels'> {
  readonly table: SiteTable;
}

/** What a judgement is asked for with: everything but rows. */
export type JudgeRequest = Omit<JudgeInput, 'table' | 'problemRows' | 'outOfRange' | 'unknownLevels'>;

/** Judges releases; the agent that holds it never sees a row. */
export type Judge = (request: JudgeRequest, signal?: AbortSignal) => Promise<Judgement>;

/** Binds the gate to the place rows come from. */
export function createJudge(needs: {
  /** @throws whatever the data room throws; the judge passes it on. */
  loadRows(plan: JudgeRequest['plan'], signal?: AbortSignal): Promise<JudgingRows>;
}): Judge {
  return async (request, signal) =>
    judgeRelease({ ...request, ...(await needs.loadRows(request.plan, signal)) }, signal);
}
