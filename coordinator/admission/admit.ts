import type { Kysely } from 'kysely';
import { modelTensors } from '../../shared/graph/families.ts';
import type { ModelNotice } from '../../shared/plan/notice.ts';
import type { SiteSummary } from '../../shared/plan/preprocessing.ts';
import type { SharedJudgement } from '../../shared/plan/shared-judgement.ts';
import { canonicalDigest, canonicalJson } from '../../shared/runtime/canonical.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Digest, SiteName, TaskId } from '../../shared/runtime/ids.ts';
import type { Receipt, UpdateHeader } from '../../shared/wire/messages.ts';
import type { ReleaseShelf } from '../releases/release-shelf.ts';
import type { AlsoWrite } from '../rounds/event-store.ts';
import type { AcceptedAnswer } from '../rounds/events.ts';
import type { PlanShelf } from '../rounds/plan-shelf.ts';
import type { Runner } from '../rounds/runner.ts';
import type { Runs } from '../rounds/runs.ts';
import type { OpenRound, RunState } from '../rounds/state.ts';
import type { Audit } from '../service/ports.ts';
import { createRefusals } from '../service/refusals.ts';
import type { Database } from '../store/database.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { checkDelta } from './check-delta.ts';
import { checkJudgement, isExpiredHold } from './check-judgement.ts';
import { checkNotice, noticeShape } from './check-notice.ts';
import { checkSummary } from './check-summary.ts';
import { locateHold, locateJudging, locateTask, partsOfTask, runOfTask } from './locate-task.ts';
import { type Refusal, refusal } from './refusal.ts';
import { admitHeader, headerShape } from './update-header.ts';

/** Takes what sites submit, or says why not. Every answer is stored before it is given, and a repeat gets the same answer. */
export interface Admission {
  summary(sender: SiteName, task: TaskId, summary: SiteSummary): Promise<Receipt>;
  update(sender: SiteName, header: UpdateHeader, signal?: AbortSignal): Promise<Receipt>;
  judgement(sender: SiteName, task: TaskId, judgement: SharedJudgement): Promise<Receipt>;
  /** Stored once, whatever becomes of the run: a model is watched long after its run has ended. */
  notice(sender: SiteName, notice: ModelNotice): Promise<Receipt>;
}

export interface Admitting {
  readonly db: Kysely<Database>;
  readonly objects: ObjectStore;
  readonly plans: PlanShelf;
  readonly releases: Pick<ReleaseShelf, 'find'>;
  readonly runs: Runs;
  readonly audit: Audit;
  readonly clock: Clock;
}

/** Refusals stored for one task; a site that goes on sending is still told, and no longer written down each time. */
const maximumStoredRefusals = 20;
/** Refusals of one kind written down of a site at once, and how long until one more is: the rest is counted. */
const refusalLimits = { refusalBurst: 100, refusalEveryMs: 60_000 } as const;
/** Notices one site may give of one release: a state that changes this often is a defect, and fills the disk. */
const maximumNotices = 1_000;
/** As often a site may judge a release it holds; a policy allows twenty looks at most, and looks that test nothing come weekly. */
const maximumJudgements = 200;

interface Submission {
  readonly kind: 'summary' | 'update' | 'judgement';
  readonly sender: SiteName;
  readonly task: TaskId;
  readonly content: unknown;
}

export function createAdmission(needs: Admitting): Admission {
  const { db, objects, plans, releases, runs, audit, clock } = needs;
  const refusals = createRefusals(audit, clock, refusalLimits);

  const row = (runner: Runner, submission: Submission, digest: Digest, refused: Refusal | null): AlsoWrite => {
    const { kind, sender, task, content } = submission;
    const parts = partsOfTask(runner.state(), task);
    return async (transaction) => {
      await transaction
        .insertInto('submissions')
        .values({
          task,
          digest,
          run: runner.run,
          round: parts?.round ?? runner.state().spec.rounds,
          site: sender,
          kind,
          body: canonicalJson(content),
          outcome: refused === null ? 'accepted' : 'refused',
          code: refused?.code ?? null,
          reason: refused?.reason ?? null,
          received_ms: clock.now(),
        })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    };
  };

  const storeRefusal = async (
    runner: Runner,
    submission: Submission,
    digest: Digest,
    refused: Refusal,
  ): Promise<void> => {
    const { sender, task } = submission;
    const { stored } = await db
      .selectFrom('submissions')
      .select(({ fn }) => fn.countAll<number>().as('stored'))
      .where('task', '=', task)
      .where('site', '=', sender)
      .where('outcome', '=', 'refused')
      .executeTakeFirstOrThrow();
    if (stored >= maximumStoredRefusals) return;
    const also = row(runner, submission, digest, refused);
    const parts = partsOfTask(runner.state(), task);
    // Another site's task is not this site's answer: it is written down, and moves nothing. Nor does a second one after one that counts.
    const counts = parts !== null && parts.site === sender && refused.code !== 'second_update';
    // A delta that has not come whole is no answer yet: the site sends it and submits again.
    const moved =
      counts && refused.code !== 'object_missing'
        ? await runner.dispatch(
            {
              kind: 'answer-refused',
              timeMs: clock.now(),
              round: parts.round,
              attempt: parts.attempt,
              site: sender,
              task,
              submission: digest,
              code: refused.code,
              reason: refused.reason,
            },
            also,
          )
        : false;
    // What is missing now may be there on the next try, which must not get the stored answer.
    if (!moved && refused.code !== 'object_missing') await runs.events.write(also);
  };

  const refuse = async (
    runner: Runner | null,
    submission: Submission,
    digest: Digest | null,
    refused: Refusal,
  ): Promise<Receipt> => {
    if (runner !== null && digest !== null) await storeRefusal(runner, submission, digest, refused);
    refusals.record(`admission.${refused.code}`, submission.sender, submission.sender, {
      kind: submission.kind,
      task: String(submission.task).slice(0, 200),
      reason: refused.reason,
    });
    return { outcome: 'refused', ...refused };
  };

  /** The answer given to this very submission before, if any. */
  const former = async (sender: SiteName, task: TaskId, digest: Digest): Promise<Receipt | null> => {
    const found = await db
      .selectFrom('submissions')
      .selectAll()
      .where('task', '=', task)
      .where('digest', '=', digest)
      .where('site', '=', sender)
      .executeTakeFirst();
    if (found === undefined) return null;
    if (found.outcome === 'accepted') return { outcome: 'duplicate' };
    return { outcome: 'refused', ...refusal(found.code as Refusal['code'], found.reason ?? '') };
  };

  /** What every submission goes through: form, repeat, checks, then the event. */
  const admit = async (
    submission: Submission,
    shape: () => Refusal | null,
    check: (runner: Runner, digest: Digest) => Promise<Refusal | ((also: AlsoWrite) => Promise<boolean>)>,
    stillFits: (runner: Runner) => Refusal | null,
  ): Promise<Receipt> => {
    const { sender, task } = submission;
    const runner = typeof task === 'string' && task.length <= 300 ? runs.find(runOfTask(task)) : null;
    if (runner === null) {
      return refuse(null, submission, null, refusal('unknown_task', `There is no task ${String(task).slice(0, 200)}.`));
    }
    let digest: Digest;
    try {
      digest = canonicalDigest(submission.content);
    } catch {
      return refuse(
        null,
        submission,
        null,
        refusal('malformed', 'The submission holds a number that is NaN or infinite.'),
      );
    }
    const before = await former(sender, task, digest);
    if (before !== null) return before;
    const malformed = shape();
    if (malformed !== null) return refuse(runner, submission, digest, malformed);
    const verdict = await check(runner, digest);
    if (typeof verdict !== 'function') return refuse(runner, submission, digest, verdict);
    if (await verdict(row(runner, submission, digest, null))) {
      audit.record('admission.accepted', sender, { kind: submission.kind, task });
      return { outcome: 'accepted' };
    }
    // The round closed, or the same came twice at once, while it was being checked.
    const meanwhile = await former(sender, task, digest);
    if (meanwhile !== null) return meanwhile;
    return refuse(
      runner,
      submission,
      digest,
      stillFits(runner) ?? refusal('round_closed', 'The round has closed meanwhile.'),
    );
  };

  const closedSince = (sender: SiteName, task: TaskId) => (runner: Runner) => {
    const located = locateTask(runner.state(), task, sender);
    return 'phase' in located ? null : located;
  };

  return {
    summary(sender, task, summary) {
      const submission: Submission = { kind: 'summary', sender, task, content: summary };
      return admit(
        submission,
        () => null,
        async (runner, digest) => {
          const state = runner.state();
          const located = locateTask(state, task, sender);
          if (!('phase' in located)) return located;
          if (located.round !== 0)
            return refusal('wrong_round', `Round ${located.round} takes an update, not a summary.`);
          const refused = checkSummary((await plans.get(state.plan)).plan, state.plan, summary);
          if (refused !== null) return refused;
          const object = await objects.put(new TextEncoder().encode(canonicalJson(summary)));
          const answer = {
            site: sender,
            task,
            submission: digest,
            object,
            examples: summary.rows,
            weight: 0,
            metrics: {},
          };
          return accepting(runner, located, answer);
        },
        closedSince(sender, task),
      );
    },

    update(sender, header, signal) {
      const submission: Submission = { kind: 'update', sender, task: header.task, content: header };
      return admit(
        submission,
        () => headerShape(header),
        async (runner, digest) => {
          const state = runner.state();
          const { plan } = await plans.get(state.plan);
          const { weightCap, maximumDeltaNorm } = plan.federation;
          const located = admitHeader(state, sender, header, {
            weightCap,
            declaredRows: declaredRows(state, sender),
          });
          if (!('phase' in located)) return located;
          const refused =
            (await missing(sender, header)) ??
            (await checkDelta(
              objects,
              header.delta,
              { tensors: modelTensors(plan), maximumNorm: maximumDeltaNorm },
              signal,
            ));
          if (refused !== null) return refused;
          const { task, delta: object, examples, weight, metrics } = header;
          return accepting(runner, located, {
            site: sender,
            task,
            submission: digest,
            object,
            examples,
            weight,
            metrics,
          });
        },
        closedSince(sender, header.task),
      );
    },

    judgement(sender, task, judgement) {
      const submission: Submission = { kind: 'judgement', sender, task, content: judgement };
      return admit(
        submission,
        () => null,
        async (runner, digest) => {
          // Whoever held a release may have a second word on it: after the deadline, or on more patients.
          const held = locateHold(runner.state(), task, sender);
          const located = held ?? locateJudging(runner.state(), task, sender);
          if (!('release' in located)) return located;
          const { plan, release } = located;
          const refused = checkJudgement(judgement, {
            sender,
            planDigest: plan,
            plan: (await plans.get(plan)).plan,
            release,
          });
          if (refused !== null) return refused;
          if (held !== null) {
            if ((await judgementsOf(task, sender)) >= maximumJudgements) {
              return refusal('too_many', `Site ${sender} has judged this release ${maximumJudgements} times.`);
            }
            const said = { timeMs: clock.now(), site: sender, task, submission: digest };
            const { decision } = judgement.decision;
            return (also) =>
              runner.dispatch(
                isExpiredHold(judgement)
                  ? { kind: 'hold-ended', ...said }
                  : { kind: 'judgement-revised', ...said, decision },
                also,
              );
          }
          const { decision } = judgement.decision;
          return (also) =>
            runner.dispatch(
              { kind: 'judgement-accepted', timeMs: clock.now(), site: sender, task, submission: digest, decision },
              also,
            );
        },
        (runner) => {
          const located = locateJudging(runner.state(), task, sender);
          return 'release' in located ? null : located;
        },
      );
    },

    async notice(sender, notice) {
      const refused = noticeShape(notice, sender) ?? checkNotice(notice, await releases.find(notice.release.version));
      const details = { release: String(notice.release?.version).slice(0, 200) };
      const refuseNotice = ({ code, reason }: Refusal): Receipt => {
        refusals.record(`admission.${code}`, sender, sender, { kind: 'notice', ...details, reason });
        return { outcome: 'refused', code, reason };
      };
      if (refused !== null) return refuseNotice(refused);
      const stored = await db.transaction().execute(async (transaction) => {
        const { held } = await transaction
          .selectFrom('notices')
          .select(({ fn }) => fn.countAll<number>().as('held'))
          .where('release', '=', notice.release.version)
          .where('site', '=', sender)
          .executeTakeFirstOrThrow();
        const digest = canonicalDigest(notice);
        const before = await transaction
          .selectFrom('notices')
          .select('ordinal')
          .where('digest', '=', digest)
          .where('site', '=', sender)
          .executeTakeFirst();
        if (before !== undefined) return 'duplicate';
        if (held >= maximumNotices) return 'too_many';
        await transaction
          .insertInto('notices')
          .values({
            digest,
            site: sender,
            release: notice.release.version,
            body: canonicalJson(notice),
            received_ms: clock.now(),
          })
          .execute();
        return 'accepted';
      });
      if (stored === 'too_many') {
        return refuseNotice(
          refusal('too_many', `Site ${sender} has given ${maximumNotices} notices of ${notice.release.version}.`),
        );
      }
      if (stored === 'duplicate') return { outcome: 'duplicate' };
      audit.record('model.notice', sender, { ...details, from: notice.from, to: notice.to, inUse: notice.inUse });
      return { outcome: 'accepted' };
    },
  };

  /** Judgements taken for a task so far. */
  async function judgementsOf(task: TaskId, sender: SiteName): Promise<number> {
    const { taken } = await db
      .selectFrom('submissions')
      .select(({ fn }) => fn.countAll<number>().as('taken'))
      .where('task', '=', task)
      .where('site', '=', sender)
      .where('outcome', '=', 'accepted')
      .executeTakeFirstOrThrow();
    return Number(taken);
  }

  function accepting(runner: Runner, { round, attempt }: OpenRound, answer: AcceptedAnswer) {
    return (also: AlsoWrite): Promise<boolean> =>
      runner.dispatch({ kind: 'answer-accepted', timeMs: clock.now(), round, attempt, answer }, also);
  }

  async function missing(sender: SiteName, header: UpdateHeader): Promise<Refusal | null> {
    const { digest, bytes } = header.delta;
    const upload = await db
      .selectFrom('uploads')
      .select('completed_ms')
      .where('site', '=', sender)
      .where('digest', '=', digest)
      .executeTakeFirst();
    const held = await objects.size(digest);
    if (upload === undefined || upload.completed_ms === null || held === null) {
      return refusal('object_missing', `The delta ${digest} has not been uploaded whole; send it, then submit again.`);
    }
    return held === bytes
      ? null
      : refusal('malformed', `The delta ${digest} has ${held} bytes, the header says ${bytes}.`);
  }
}

/** Training rows in the site's summary; null when it sent none or withheld the number. */
function declaredRows(state: RunState, site: SiteName): number | null {
  const summaries = state.rounds.find(({ round }) => round === 0);
  return summaries?.updates.find((update) => update.site === site)?.examples ?? null;
}
