import type { Kysely } from 'kysely';
import { modelTensors } from '../shared/graph/families.ts';
import type { Clock } from '../shared/runtime/clock.ts';
import { isDigest, type RunId } from '../shared/runtime/ids.ts';
import { safetensorsHeader } from '../shared/tensors/safetensors.ts';
import type { FederationPort } from '../shared/wire/federation-port.ts';
import type { DeclineReason, ObjectRef, SiteIdentity } from '../shared/wire/messages.ts';
import { WireError } from '../shared/wire/wire-error.ts';
import type { Admission } from './admission/admit.ts';
import { runOfTask } from './admission/locate-task.ts';
import { atTheDoor, streamAtTheDoor } from './door-errors.ts';
import type { ReleaseShelf } from './releases/release-shelf.ts';
import type { Attendance } from './rounds/attendance.ts';
import { plainText } from './rounds/plain-text.ts';
import type { PlanShelf } from './rounds/plan-shelf.ts';
import type { Runs } from './rounds/runs.ts';
import { isLive } from './rounds/state.ts';
import type { TrafficBook } from './rounds/traffic.ts';
import type { Audit } from './service/ports.ts';
import type { SiteBook } from './sites/site-book.ts';
import type { Database } from './store/database.ts';
import type { ObjectStore } from './store/object-store.ts';
import type { Uploads } from './store/uploads.ts';

export interface FederationNeeds {
  readonly db: Kysely<Database>;
  readonly objects: ObjectStore;
  readonly uploads: Uploads;
  readonly plans: PlanShelf;
  readonly releases: ReleaseShelf;
  readonly runs: Runs;
  readonly admission: Admission;
  readonly attendance: Attendance;
  readonly traffic: TrafficBook;
  readonly siteBook: Pick<SiteBook, 'renew'>;
  readonly audit: Audit;
  readonly clock: Clock;
}

/** Room in an upload for a header longer than the one we would write. */
const headerSlackBytes = 65_536;
/** Longest text kept of a site's refusal of a task. */
const maximumDeclineText = 500;

const declineReasons: ReadonlySet<string> = new Set<DeclineReason>([
  'plan_not_approved',
  'data_problem',
  'too_few_rows',
  'training_failed',
  'engine_missing',
  'busy',
  'policy_refuses',
  'stopping',
]);

function checkObject(object: ObjectRef): void {
  if (!isDigest(object.digest) || !Number.isSafeInteger(object.bytes) || object.bytes < 0) {
    throw new WireError('invalid_argument', 'An object is named by a digest and its number of bytes.', {
      field: 'object',
    });
  }
}

/** What one site may ask, in the name its certificate proves. */
export function federationDoor(needs: FederationNeeds, identity: SiteIdentity): FederationPort {
  const { db, objects, uploads, plans, releases, runs, admission, attendance, traffic, clock } = needs;
  const { site } = identity;

  /** Run and round this site was given a training task in, to count its bytes and bound its upload. */
  const trainingRound = (): { run: RunId; round: number } | null => {
    for (const runner of runs.all()) {
      const state = runner.state();
      if (state.tag !== 'round' || !('offered' in state.current) || state.current.round === 0) continue;
      const offered = state.current.offered.some((offer) => (typeof offer === 'string' ? offer : offer.site) === site);
      if (offered) return { run: runner.run, round: state.current.round };
    }
    return null;
  };

  /** Largest upload any live run has a use for. */
  const largestUploadBytes = async (): Promise<number> => {
    let largest = 0;
    for (const runner of runs.all()) {
      const state = runner.state();
      if (!isLive(state)) continue;
      const tensors = modelTensors((await plans.get(state.plan)).plan);
      const values = tensors.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
      largest = Math.max(largest, safetensorsHeader(tensors).byteLength + 4 * values + headerSlackBytes);
    }
    return largest;
  };

  /** Whether this very site has sent the whole object: what another has sent it may neither use nor learn of. */
  const hasSent = async (object: ObjectRef): Promise<boolean> => {
    const row = await db
      .selectFrom('uploads')
      .select('completed_ms')
      .where('site', '=', site)
      .where('digest', '=', object.digest)
      .executeTakeFirst();
    return row !== undefined && row.completed_ms !== null && (await objects.size(object.digest)) === object.bytes;
  };

  const roundOfObject = (digest: string): { run: RunId; round: number } | null => {
    for (const runner of runs.all()) {
      const state = runner.state();
      if (state.tag !== 'round' || state.current.round === 0) continue;
      if (state.weights?.digest === digest || state.preprocessing?.digest === digest) {
        return { run: runner.run, round: state.current.round };
      }
    }
    return null;
  };

  async function* readObject(
    digest: Parameters<FederationPort['readObject']>[0],
    offset: number,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, void> {
    const published = await db
      .selectFrom('published_objects')
      .select('bytes')
      .where('digest', '=', digest)
      .executeTakeFirst();
    if (published === undefined) {
      throw new WireError('not_found', `There is no object ${String(digest).slice(0, 80)}.`, { object: digest });
    }
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > published.bytes) {
      throw new WireError('offset_invalid', `The object has ${published.bytes} bytes; ${offset} is not within.`, {
        offset,
        bytes: published.bytes,
      });
    }
    const round = roundOfObject(digest);
    let down = 0;
    try {
      for await (const chunk of objects.stream(digest, offset, signal)) {
        down += chunk.byteLength;
        yield chunk;
      }
    } finally {
      if (round !== null) traffic.add(round.run, round.round, { down });
    }
  }

  const writeObject: FederationPort['writeObject'] = async (object, offset, chunks, signal) => {
    checkObject(object);
    if (await hasSent(object)) return;
    const round = trainingRound();
    const largest = await largestUploadBytes();
    if (largest === 0) throw new WireError('invalid_state', 'No run expects an upload.');
    if (object.bytes > largest) {
      throw new WireError('message_too_large', `The object has ${object.bytes} bytes; the most is ${largest}.`, {
        bytes: object.bytes,
        limit: largest,
      });
    }
    const nowMs = clock.now();
    await db
      .insertInto('uploads')
      .values({ site, digest: object.digest, bytes: object.bytes, begun_ms: nowMs, completed_ms: null })
      .onConflict((conflict) =>
        conflict.columns(['site', 'digest']).doUpdateSet({ begun_ms: nowMs, completed_ms: null }),
      )
      .execute();
    let up = 0;
    const counted = (async function* () {
      for await (const chunk of chunks) {
        up += chunk.byteLength;
        yield chunk;
      }
    })();
    try {
      await uploads.receive(site, object, offset, counted, signal);
    } finally {
      if (round !== null) traffic.add(round.run, round.round, { up });
    }
    await db
      .updateTable('uploads')
      .set({ completed_ms: clock.now() })
      .where('site', '=', site)
      .where('digest', '=', object.digest)
      .execute();
  };

  return {
    attend: (messages, signal) => streamAtTheDoor(attendance.attend(identity, messages, signal)),
    readPlan: (plan) => atTheDoor(async () => new TextEncoder().encode((await plans.get(plan)).canonical)),
    readObject: (digest, offset, signal) => streamAtTheDoor(readObject(digest, offset, signal)),
    readReleaseSignature: (digest) =>
      atTheDoor(async () => {
        const release = await releases.findByDigest(digest);
        if (release === null) throw new WireError('not_found', `There is no release ${String(digest).slice(0, 80)}.`);
        return release.signature;
      }),
    renewCertificate: (request) => atTheDoor(() => needs.siteBook.renew(identity, request)),
    uploadOffset: (object) =>
      atTheDoor(async () => {
        checkObject(object);
        if (await hasSent(object)) return object.bytes;
        const held = await uploads.held(site, object);
        if (held < object.bytes) return held;
        // All its bytes came, and then the process ended before the object was taken in: the site has nothing left to send.
        try {
          await writeObject(object, held, nothing());
          return object.bytes;
        } catch (cause) {
          // Another call took it in meanwhile, or the bytes were not what they were said to be, and are gone.
          if (!(cause instanceof WireError)) throw cause;
          if (await hasSent(object)) return object.bytes;
          const left = await uploads.held(site, object);
          if (left >= object.bytes) throw cause;
          return left;
        }
      }),
    writeObject: (object, offset, chunks, signal) => atTheDoor(() => writeObject(object, offset, chunks, signal)),
    submitSummary(task, summary) {
      attendance.answering(site, task);
      return atTheDoor(() => admission.summary(site, task, summary));
    },
    submitUpdate(update, signal) {
      attendance.answering(site, update.task);
      return atTheDoor(() => admission.update(site, update, signal));
    },
    submitJudgement(task, judgement) {
      attendance.answering(site, task);
      return atTheDoor(() => admission.judgement(site, task, judgement));
    },
    submitNotice: (notice) => atTheDoor(() => admission.notice(site, notice)),
    decline: (task, reason, text) =>
      atTheDoor(async () => {
        if (!declineReasons.has(reason)) {
          throw new WireError('invalid_argument', 'This is no reason to decline a task.', { field: 'reason' });
        }
        const runner = typeof task === 'string' ? runs.find(runOfTask(task)) : null;
        if (runner === null) throw new WireError('not_found', `There is no task ${String(task).slice(0, 200)}.`);
        attendance.answering(site, task);
        const plain = plainText(text, maximumDeclineText);
        const timeMs = clock.now();
        const moved = await runner.dispatch({ kind: 'task-declined', timeMs, site, task, reason, text: plain });
        if (moved) needs.audit.record('task.declined', site, { task, reason, text: plain });
      }),
  };
}

async function* nothing(): AsyncGenerator<Uint8Array, void, void> {}
