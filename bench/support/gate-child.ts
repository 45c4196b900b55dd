import { performance } from 'node:perf_hooks';
import { canonicalDigest, canonicalJson } from '../../shared/runtime/canonical.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';
import { readSiteData } from '../../site-agent/data/load-site-data.ts';
import { createJudge, type JudgingRows } from '../../site-agent/judging/create-judge.ts';
import { gatePackage, gatePlan, gateTable, nowMs, numeric } from './gate-cohort.ts';

// One judgement in a process of its own, so that its peak of memory is its own: rows made here, or read from a file by the site's loader.

const [source, rowsText, directory] = process.argv.slice(2);
const rows = Number(rowsText);
const plan = gatePlan();

async function rowsOf(): Promise<JudgingRows> {
  if (source === 'table') return { table: gateTable(rows, 1) };
  const units = Object.fromEntries(Array.from({ length: numeric }, (_, index) => [`x${index}`, 'SD']));
  const query = `select * from '${source}'`;
  const config = { query, units, memoryMegabytes: 512, threads: 1 };
  const data = await readSiteData(directory as string, config, plan.data, nowMs);
  return {
    table: data.table,
    problemRows: data.loaded.problems.rows,
    unknownLevels: data.loaded.unknownLevels,
  };
}

const made = source === 'table' ? await rowsOf() : null;
const began = performance.now();
const used = process.cpuUsage();
let loaded = began;
const judge = createJudge({
  async loadRows() {
    const found = made ?? (await rowsOf());
    loaded = performance.now();
    return found;
  },
});
const judgement = await judge({
  site: 'bench' as SiteName,
  plan,
  planDigest: canonicalDigest(plan),
  policy: plan.gate,
  preprocessing: null,
  release: gatePackage(plan, 'bench-gate/2', 1),
  current: gatePackage(plan, 'bench-gate/1', 0.9),
  nowMs,
  heldSinceMs: null,
});
const seconds = (from: number, to: number): number => (to - from) / 1000;
const { user, system } = process.cpuUsage(used);
process.send?.({
  processorSeconds: (user + system) / 1e6,
  loadSeconds: seconds(began, loaded),
  judgeSeconds: seconds(loaded, performance.now()),
  peakMegabytes: process.resourceUsage().maxRSS / 1024,
  rows: judgement.evidence.rows,
  decision: judgement.decision.decision,
  evidenceBytes: canonicalJson(judgement.evidence).length,
});
