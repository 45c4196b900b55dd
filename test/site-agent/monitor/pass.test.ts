import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import type { ReleaseVersion } from '../../../shared/runtime/ids.ts';
import { judgeAgain } from '../../../site-agent/agent/judge-again.ts';
import { revalidateWanted } from '../../../site-agent/agent/monitor-loop.ts';
import { scoreAndWatch } from '../../../site-agent/agent/monitor-pass.ts';
import { viewMonitors } from '../../../site-agent/agent/monitor-view.ts';
import { takeOutcomeFile } from '../../../site-agent/agent/outcome-intake.ts';
import { fileSource } from '../../../site-agent/data/row-source.ts';
import { csvText, type HeartRow } from '../../support/heart-site.ts';
import { dayMs, patientsOn, type WatchedSite, watchedSite } from '../../support/watched-site.ts';

const opened: WatchedSite[] = [];
afterEach(() => {
  for (const site of opened.splice(0)) site.remove();
});
const signal = new AbortController().signal;
const one = 'heart-disease/1' as ReleaseVersion;
const two = 'heart-disease/2' as ReleaseVersion;

/** A site with the right model in use from the first moment on. */
async function siteInUse(options: Parameters<typeof watchedSite>[0] = {}): Promise<WatchedSite> {
  const site = watchedSite(options);
  opened.push(site);
  await site.install(one, 0.08, 1, -0.7);
  site.decide(one, 'accept');
  return site;
}
const pass = (site: WatchedSite) => scoreAndWatch(site.parts(), {}, signal);
const stateOf = (site: WatchedSite, version: ReleaseVersion): string | null =>
  site.parts().monitors.stateOf(version)?.state ?? null;
const view = (site: WatchedSite) => viewMonitors(site.store, site.parts().plans, site.clock.now());
const levelsOf = (site: WatchedSite): Record<string, string> =>
  Object.fromEntries(view(site).models[0]?.watched?.signals.map(({ signal: name, level }) => [name, level]) ?? []);
const partOf = (site: WatchedSite, signalName: string, start: string) =>
  view(site)
    .models[0]?.watched?.signals.find((entry) => entry.signal === signalName)
    ?.parts.find(({ name }) => name.startsWith(start));
const stored = (site: WatchedSite) =>
  site.store.all(`select version, patient, time_ms, probability, shown, role from predictions order by sequence`);

describe('a pass', () => {
  it('leaves a stable site active, and says nothing to anybody after the first word', async () => {
    const site = await siteInUse();
    for (let week = 0; week < 4; week++) {
      await pass(site);
      expect(stateOf(site, one)).toBe('active');
      await site.days(7, 4);
    }
    await pass(site);
    expect(new Set(Object.values(levelsOf(site)))).toEqual(new Set(['quiet']));
    expect(view(site).notices.map(({ notice, sentMs }) => [notice.from, notice.to, notice.inUse, sentMs])).toEqual([
      [null, 'active', one, null],
    ]);
    expect(view(site).models[0]?.counts).toMatchObject({ new: 4 * 7 * 4, altered: 0 });
  });

  it('scores a row once, stores no feature, and gives each row its part', async () => {
    const site = await siteInUse();
    await site.days(3, 5);
    const [first] = await pass(site);
    expect(first?.plans[0]?.counts.releases).toEqual([{ version: one, scored: 15, before: expect.any(Number) }]);
    const before = stored(site);
    const [again] = await pass(site);
    expect(again?.plans[0]?.counts.releases[0]?.scored).toBe(0);
    expect(again?.plans[0]?.counts.outcomes).toMatchObject({ added: 0, conflict: 0 });
    expect(stored(site)).toEqual(before);
    const roles = site.store.all<{ role: string; rows: number }>(
      `select role, count(*) as rows from predictions group by role order by role`,
    );
    const training = site.rows.filter(({ admitted }) => String(admitted) < '2024-01-01').length;
    expect(roles).toEqual([
      { role: 'excluded', rows: training },
      { role: 'new', rows: 15 },
      { role: 'reference', rows: site.rows.length - training - 15 },
    ]);
    const columns = site.store.all<{ name: string }>(`select name from pragma_table_info('predictions')`);
    expect(columns.map(({ name }) => name)).not.toContain('cholesterol');
  });

  it('has the order of rows in the query change nothing', async () => {
    const states: string[] = [];
    for (const order of [1, -1]) {
      const site = await siteInUse({ seed: 5 });
      await pass(site);
      await site.days(30, 6);
      site.write([...site.rows].sort((a, b) => (String(a.patient) < String(b.patient) ? -order : order)));
      await pass(site);
      const record = site.parts().monitors.load(site.parts().registry.find(one)?.digest as never);
      states.push(canonicalJson({ record, rows: stored(site) }));
    }
    expect(states[0]).toBe(states[1]);
  });

  it('excludes later rows of a patient it has seen', async () => {
    const site = await siteInUse();
    await pass(site);
    const [fresh] = await site.days(1, 1);
    const known = site.rows.find(({ admitted }) => String(admitted) < '2024-01-01') as HeartRow;
    const later = new Date(site.clock.now() - dayMs / 2).toISOString().slice(0, 19).replace('T', ' ');
    site.write([...site.rows, { ...(fresh as HeartRow), admitted: later }, { ...known, admitted: later }]);
    await pass(site);
    expect(
      site.store.all(
        `select patient, role from predictions where time_ms > ? order by role, patient`,
        site.clock.now() - dayMs,
      ),
    ).toEqual([
      ...[String(known.patient), String(fresh?.patient)].sort().map((patient) => ({ patient, role: 'excluded' })),
      { patient: fresh?.patient, role: 'new' },
    ]);
  });

  it('scores a file of new rows, and not the rows that trained', async () => {
    const site = await siteInUse();
    await pass(site);
    const file = join(site.path, 'new.csv');
    const fresh = patientsOn(site.clock.now() - dayMs, 12, site.random, { unlabelled: true });
    writeFileSync(file, csvText(fresh.map(({ disease: _, ...row }) => ({ ...row, patient: `new-${row.patient}` }))));
    const [passed] = await scoreAndWatch(site.parts(), { source: fileSource(file) }, signal);
    expect(passed?.plans[0]?.counts).toMatchObject({
      rowsRead: 12,
      releases: [{ version: one, scored: 12, before: 0 }],
    });
    const [again] = await scoreAndWatch(site.parts(), { source: fileSource(file) }, signal);
    expect(again?.plans[0]?.counts.releases).toEqual([{ version: one, scored: 0, before: 12 }]);
  });

  it('scores a candidate in silence beside the model in use', async () => {
    const site = await siteInUse();
    await site.install(two, 0.07, 0.9, -0.6);
    site.decide(two, 'hold');
    await site.days(2, 5);
    await pass(site);
    expect(stateOf(site, one)).toBe('active');
    expect(stateOf(site, two)).toBe('shadow');
    const shown = site.store.all<{ version: string; shown: number }>(
      `select version, max(shown) as shown from predictions where time_ms >= ? group by version order by version`,
      site.clock.now() - 2 * dayMs,
    );
    expect(shown).toEqual([
      { version: one, shown: 1 },
      { version: two, shown: 0 },
    ]);
    // Accepted, it is measured against the rows that judged it; the version before scores on in silence.
    site.decide(two, 'accept');
    await site.days(2, 5);
    await pass(site);
    expect([stateOf(site, one), stateOf(site, two)]).toEqual([null, 'active']);
    expect(view(site).models.map(({ version, watched }) => [version, watched?.against])).toEqual([[two, one]]);
    const silent = site.store.all<{ rows: number }>(
      `select count(*) as rows from predictions where version = ? and shown = 0 and time_ms >= ?`,
      one,
      site.clock.now() - 2 * dayMs,
    );
    expect(silent).toEqual([{ rows: 10 }]);
  });
});

describe('a source without times', () => {
  it('has its held-out patients watched, those who came later apart from those who judged', async () => {
    const site = await siteInUse({ untimed: true });
    await pass(site);
    const roles = () =>
      Object.fromEntries(
        site.store
          .all<{ role: string; rows: number }>(`select role, count(*) as rows from predictions group by role`)
          .map(({ role, rows }) => [role, rows]),
      );
    const first = roles();
    expect(first.reference).toBeGreaterThan(500);
    expect(first.new).toBeUndefined();
    await site.days(30, 8);
    const [passed] = await pass(site);
    const scored = passed?.plans[0]?.counts.releases[0]?.scored ?? 0;
    // 60% of 240.
    expect(Math.abs(scored - 144)).toBeLessThan(30);
    expect(roles()).toEqual({ ...first, new: scored });
    expect(passed?.plans[0]?.counts.outcomes.added).toBe(scored);
    expect(levelsOf(site)).toMatchObject({ inputs: 'quiet', calibration: 'quiet', pipe: 'quiet' });
    expect(partOf(site, 'pipe', 'daily volume')).toMatchObject({ figure: null, reason: 'no_times' });
    const before = stored(site);
    await pass(site);
    expect(stored(site)).toEqual(before);
  });
});

describe('outcomes that come later', () => {
  it('are joined by patient and time, once, and are marked where a shown prediction came before them', async () => {
    const site = await siteInUse();
    await pass(site);
    const fresh = await site.days(5, 4, { unlabelled: true });
    await pass(site);
    expect(view(site).models[0]?.counts).toMatchObject({ new: 20, withOutcome: expect.any(Number) });
    const before = view(site).models[0]?.counts.withOutcome ?? 0;
    await site.clock.advance(dayMs);
    const file = join(site.path, 'outcomes.csv');
    const known: HeartRow[] = fresh.slice(0, 15).map(({ patient, admitted }, index) => ({
      patient: patient ?? '',
      admitted: admitted ?? '',
      disease: index % 2,
    }));
    const stranger = { patient: 'nobody', admitted: '2024-07-19', disease: 1 };
    writeFileSync(file, csvText([...known, stranger]));
    const taken = await takeOutcomeFile(site.parts(), 'heart-disease', file, signal);
    expect(taken.counts).toEqual({ added: 15, known: 0, conflict: 0, early: 0, unknown: 1 });
    expect(view(site).models[0]?.counts).toMatchObject({ withOutcome: before + 15, altered: 15 });
    const monitor = site.parts().monitors.load(site.parts().registry.find(one)?.digest as never);
    expect(monitor?.state.outcomes).toMatchObject({ outcomes: 15, altered: 15 });
    // The same file again; and another outcome for a row that has one.
    const again = await takeOutcomeFile(site.parts(), 'heart-disease', file, signal);
    expect(again.counts).toEqual({ added: 0, known: 15, conflict: 0, early: 0, unknown: 1 });
    writeFileSync(file, csvText([{ ...(known[0] as HeartRow), disease: 1 }]));
    expect((await takeOutcomeFile(site.parts(), 'heart-disease', file, signal)).counts.conflict).toBe(1);
    expect(site.parts().monitors.load(site.parts().registry.find(one)?.digest as never)).toEqual(monitor);
  });

  it('come with the query as well, when it yields them', async () => {
    const site = await siteInUse();
    await pass(site);
    const fresh = await site.days(3, 4, { unlabelled: true });
    await pass(site);
    for (const row of fresh) row.disease = 0;
    site.write();
    await site.clock.advance(dayMs);
    const [passed] = await pass(site);
    expect(passed?.plans[0]?.counts.outcomes.added).toBe(12);
    expect(site.parts().monitors.load(site.parts().registry.find(one)?.digest as never)?.state.outcomes.outcomes).toBe(
      12,
    );
  });
});

describe('a site that changes', () => {
  it('with doubled odds goes from watched to revalidating, and out of use once the version before is shown to be better', async () => {
    // The version before was right for what the site is now, and was left for one that fits the first 200 days.
    const site = watchedSite({ perDay: 6 });
    opened.push(site);
    await site.install(one, 0.08, 1, 0);
    site.decide(one, 'accept');
    await site.install(two, 0.08, 1, -0.7);
    site.decide(two, 'accept');
    await pass(site);
    const seen: (string | null)[] = [stateOf(site, two)];
    for (let week = 0; week < 12 && seen.at(-1) !== 'rolled_back'; week++) {
      await site.days(7, 14, { logOdds: 0.7 });
      await pass(site);
      const state = stateOf(site, two);
      if (state !== seen.at(-1)) seen.push(state);
    }
    expect(seen[0]).toBe('active');
    expect(seen.slice(-3)).toEqual(['watched', 'revalidating', 'rolled_back']);
    const { registry } = site.parts();
    expect(registry.inSlot('heart-disease', 'active')?.version).toBe(one);
    expect(registry.inSlot('heart-disease', 'previous')).toBeNull();
    expect(registry.events().at(-1)).toMatchObject({ event: 'rolled_back', version: one, fromVersion: two });
    const last = view(site).notices.at(-1)?.notice;
    expect(last).toMatchObject({ release: { version: two }, to: 'rolled_back', inUse: one, byRoles: null });
    expect(last?.signals).toContainEqual({ signal: 'performance', level: 'harm' });
    expect(stateOf(site, one)).toBe('active');
    // What is in use now is watched anew, from its own acceptance.
    await pass(site);
    expect(view(site).models.find(({ version }) => version === one)?.watched).not.toBeNull();
    // Nobody asks for a judgement of what is out of use.
    await revalidateWanted(site.parts(), signal);
    expect(site.parts().monitors.wantedRevalidations()).toEqual([]);
  });

  it('without a version before has no model in use once harm is shown', async () => {
    const site = await siteInUse({ perDay: 6 });
    await pass(site);
    // Every outcome is the other one: worse than no model.
    for (let week = 0; week < 4; week++) {
      const fresh = await site.days(7, 6);
      for (const row of fresh) row.disease = 1 - Number(row.disease);
      site.write();
      await pass(site);
    }
    expect(stateOf(site, one)).toBe('withdrawn');
    expect(site.parts().registry.inSlot('heart-disease', 'active')).toBeNull();
    expect(view(site).notices.at(-1)?.notice).toMatchObject({ to: 'withdrawn', inUse: null });
  });

  it('of unit says so, and asks for a new judgement', async () => {
    const site = await siteInUse({ perDay: 6 });
    await pass(site);
    // mmol/L instead of mg/dL, inside the plan's range of 0 to 700.
    await site.days(20, 6, { cholesterol: (value) => Math.round(value / 3.8665) / 10 });
    await pass(site);
    expect(partOf(site, 'pipe', 'unit of cholesterol')).toMatchObject({ level: 'revalidate' });
    expect(partOf(site, 'pipe', 'unit of cholesterol')?.name).toContain('mmol/L');
    expect(partOf(site, 'inputs', 'cholesterol')).toMatchObject({ level: 'revalidate' });
    expect(levelsOf(site)).toMatchObject({ unlabelled: 'quiet' });
    expect(partOf(site, 'unlabelled', 'AUROC')).toMatchObject({ figure: null, reason: 'outside_support' });
    expect(stateOf(site, one)).toBe('revalidating');
    expect(site.parts().monitors.wantedRevalidations()).toMatchObject([{ version: one, finishedMs: null }]);
  });

  it('of volume: days without a row', async () => {
    const site = await siteInUse({ perDay: 6 });
    await pass(site);
    await site.days(10, 6);
    await pass(site);
    expect(levelsOf(site).pipe).toBe('quiet');
    await site.clock.advance(3 * dayMs);
    await site.days(2, 6);
    await pass(site);
    expect(partOf(site, 'pipe', 'rows missing')).toMatchObject({ level: 'revalidate' });
    // Six a day, three days long: e to the power of -18.
    expect(partOf(site, 'pipe', 'rows missing')?.figure).toBeCloseTo(18, 0);
  });

  it('of query: the source is named, and a query that fails is a warning', async () => {
    const site = await siteInUse();
    await pass(site);
    writeFileSync(join(site.path, 'data', 'patients.csv'), 'patient,admitted,age\n');
    await expect(pass(site)).rejects.toMatchObject({ code: 'missing_column' });
    expect(partOf(site, 'pipe', 'rows could not be read')).toMatchObject({ level: 'warn' });
    expect(stateOf(site, one)).toBe('watched');
    site.write();
    await pass(site);
    expect(stateOf(site, one)).toBe('active');
  });

  it('not at all for 90 days is to be validated again all the same', async () => {
    const site = await siteInUse();
    await site.days(89, 1);
    await pass(site);
    expect(levelsOf(site).time).toBe('quiet');
    await site.days(1, 1);
    await pass(site);
    expect(levelsOf(site).time).toBe('revalidate');
    expect(stateOf(site, one)).toBe('revalidating');
  });
});

describe('a new judgement that was asked for', () => {
  it('accepts: the model is active, and is measured against the patients who judged it now', async () => {
    const site = await siteInUse({ perDay: 8, gate: { minimumEvents: 20, minimumNonEvents: 20 } });
    await site.days(90, 8);
    await pass(site);
    expect(stateOf(site, one)).toBe('revalidating');
    await revalidateWanted(site.parts(), signal);
    expect(site.parts().registry.judgementOf(one)?.decision).toMatchObject({ decision: 'accept' });
    expect(stateOf(site, one)).toBe('active');
    expect(site.parts().monitors.revalidations()).toMatchObject([{ decision: 'accept' }]);
    await pass(site);
    const watched = view(site).models[0]?.watched;
    expect(watched?.validatedMs).toBe(site.clock.now());
    expect(watched?.reference.rows).toBeGreaterThan(2000);
    expect(levelsOf(site).time).toBe('quiet');
  });

  it('holds: the model stays in use, and is judged again as patients come, not at once', async () => {
    const site = await siteInUse({ perDay: 8, gate: { minimumEvents: 1300, minimumNonEvents: 1300 } });
    await site.days(90, 8);
    await pass(site);
    await revalidateWanted(site.parts(), signal);
    const held = site.parts().registry.judgementOf(one);
    expect(held?.decision.decision).toBe('hold');
    expect(stateOf(site, one)).toBe('revalidating');
    expect(view(site).models[0]?.revalidations).toMatchObject([{ finishedMs: null, heldMs: site.clock.now() }]);
    await site.clock.advance(3_600_000);
    await revalidateWanted(site.parts(), signal);
    expect(site.parts().registry.judgementOf(one)?.evidence.judgedAt).toBe(held?.evidence.judgedAt);
    // As many weeks later as it forecasts at most.
    await site.clock.advance(400 * dayMs);
    await revalidateWanted(site.parts(), signal);
    expect(site.parts().registry.judgementOf(one)?.evidence.judgedAt).not.toBe(held?.evidence.judgedAt);
  });

  it('shows harm against the version before: that one is in use again, and both sides are told', async () => {
    const site = await siteInUse({ perDay: 8, gate: { minimumEvents: 20, minimumNonEvents: 20 } });
    // Older patients and men called healthier: taken into use by mistake, 89 days before it is to be validated again.
    await site.install(two, -0.02, -0.2, 0);
    site.decide(two, 'accept');
    await pass(site);
    await site.clock.advance(dayMs);
    site.store.transaction(() => site.parts().monitors.wantRevalidation(two, [], site.clock.now()));
    await revalidateWanted(site.parts(), signal);
    const { registry } = site.parts();
    expect(registry.judgementOf(two)?.decision.reasons.map(({ code }) => code)).toContain('harm.auroc');
    expect([stateOf(site, one), stateOf(site, two)]).toEqual(['active', 'rolled_back']);
    expect(registry.inSlot('heart-disease', 'active')?.version).toBe(one);
    expect(site.parts().monitors.revalidations()).toMatchObject([{ version: two, decision: 'harm' }]);
    expect(view(site).notices.at(-1)?.notice).toMatchObject({
      release: { version: two },
      to: 'rolled_back',
      inUse: one,
    });
  });

  it('is not made twice when the machine stops between judgement and state', async () => {
    const site = await siteInUse({ perDay: 8, gate: { minimumEvents: 20, minimumNonEvents: 20 } });
    await site.days(90, 8);
    await pass(site);
    await judgeAgain(site.parts(), one, signal);
    const made = site.parts().registry.judgementOf(one)?.evidence.judgedAt;
    site.reopen();
    await site.clock.advance(dayMs);
    await revalidateWanted(site.parts(), signal);
    expect(site.parts().registry.judgementOf(one)?.evidence.judgedAt).toBe(made);
    expect(stateOf(site, one)).toBe('active');
  });
});

describe('a machine that stops', () => {
  it('between storing and acting comes to the same state, rows and notices', async () => {
    const run = async (stop: boolean): Promise<string> => {
      const site = await siteInUse({ seed: 3, perDay: 6 });
      await pass(site);
      await site.days(30, 6, { logOdds: 2 });
      if (stop) {
        // Every commit goes through until the one that would take outcomes: as a kill there would have it.
        const parts = site.parts();
        const real = parts.store.transaction;
        let left = 3;
        const store = {
          ...parts.store,
          transaction: <Result>(body: () => Result): Result => {
            if (left-- === 0) throw new Error('killed');
            return real(body);
          },
        };
        await expect(scoreAndWatch({ ...parts, store }, {}, signal)).rejects.toThrow('killed');
        site.reopen();
      }
      await pass(site);
      const record = site.parts().monitors.load(site.parts().registry.find(one)?.digest as never);
      return canonicalJson({
        state: site.parts().monitors.states(),
        record,
        rows: stored(site),
        notices: view(site).notices.map(({ notice }) => notice),
      });
    };
    const whole = await run(false);
    expect(await run(true)).toBe(whole);
    expect(whole).toContain('revalidating');
  });

  it('inside a part of rows keeps all of it or nothing', async () => {
    const site = await siteInUse();
    await pass(site);
    await site.days(2, 5);
    const before = stored(site).length;
    const parts = site.parts();
    let statements = 0;
    const failing = {
      ...parts.store,
      run: (sql: string, ...values: readonly (string | number | null)[]) => {
        if (sql.includes('insert into predictions') && ++statements === 4) throw new Error('killed');
        return site.store.run(sql, ...values);
      },
    };
    await expect(scoreAndWatch({ ...parts, store: failing }, {}, signal)).rejects.toThrow('killed');
    expect(stored(site).length).toBe(before);
    await pass(site);
    expect(stored(site).length).toBe(before + 10);
  });
});
