import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../shared/runtime/logger.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import { runSimulation } from '../../simulations/run-simulation.ts';
import { loadScenario } from '../../simulations/scenario.ts';

const folder = mkdtempSync(join(tmpdir(), 'wardround-tasks-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const random = randomStream(1, 'tasks');
const rows = ['east', 'north'].flatMap((site) =>
  Array.from({ length: 60 }, (_, index) => {
    const dose = random.normal();
    const days = -Math.log(1 - random.uniform()) * 100 * Math.exp(-dose);
    const censored = -Math.log(1 - random.uniform()) * 200;
    const grade = dose + random.normal() / 2;
    return [
      site,
      `${site}-${index}`,
      dose.toFixed(3),
      (Math.min(days, censored) + 0.1).toFixed(2),
      days <= censored ? 1 : 0,
      grade < -0.5 ? 'low' : grade < 0.6 ? 'middle' : 'high',
      index % 5 < 2 ? 1 : 0,
    ].join(',');
  }),
);
writeFileSync(join(folder, 'all.csv'), `site,id,dose,days,died,grade,judging\n${rows.join('\n')}\n`);

const tasks = [
  ['survival', '{ name: days, event: died, unit: days, range: [0, 5000] }', '{ family: cox }'],
  ['ordinal', '{ name: grade, levels: [low, middle, high] }', '{ family: mlp, hidden: [4] }'],
  ['multiclass', '{ name: grade, levels: [low, middle, high] }', '{ family: logistic }'],
  ['regression', '{ name: days, unit: days, range: [0, 5000] }', '{ family: mlp, hidden: [4] }'],
] as const;

function scenario(task: string, label: string, model: string): string {
  writeFileSync(
    join(folder, `${task}.plan.yaml`),
    `wardround: plan/1
name: ${task}
purpose: Shows that a task of this kind goes from rows to a judgement.
task: { kind: ${task} }
data:
  columns:
    - { name: dose, kind: continuous, unit: mg, range: [-10, 10], edges: [-1, 0, 1] }
  label: ${label}
  patientKey: id
  time: null
  trainingCutoff: null
model: ${model}
training: { optimiser: { kind: adam, rate: 0.05 }, batch: 16, work: { epochs: 1 }, seed: 1 }
federation:
  strategy: { kind: fedavg }
  rounds: 2
  sites: { minimum: 2, target: 2 }
  roundDeadlineSeconds: 60
  weightCap: 1000
  maximumDeltaNorm: 50
  judgementDeadlineSeconds: 60
gate: { wardround: policy/1, acceptRetrospective: true }
`,
  );
  const file = join(folder, `${task}.yaml`);
  writeFileSync(
    file,
    `wardround: scenario/1
name: ${task}
description: Two hospitals from one table.
plan: ${task}.plan.yaml
seeds: [4]
cohort: { kind: csv, file: all.csv, siteColumn: site, holdoutColumn: judging }
`,
  );
  return file;
}

describe('a run of a task without judged figures', () => {
  it.each(tasks)(
    '%s: trains, is released, can be run, and is held by name of the task',
    async (task, label, model) => {
      const simulation = await runSimulation(loadScenario(scenario(task, label, model)), {
        signal: AbortSignal.timeout(580_000),
        log: silentLogger,
      });
      const decisions = simulation.runs.flatMap((run) => run.releases.flatMap((release) => release.decisions));
      expect(decisions.map(({ site }) => site).sort()).toEqual(['east', 'north']);
      for (const { decision, judgement } of decisions) {
        expect(judgement.package.valid).toBe(true);
        expect(judgement.evidence.task).toBe(task);
        expect(decision).toBe('hold');
        expect(judgement.decision.reasons.map(({ code }) => code)).toContain('evidence.task_not_judged');
      }
    },
    600_000,
  );
});
