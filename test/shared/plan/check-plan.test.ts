import { describe, expect, it } from 'vitest';
import { planFindings } from '../../../shared/plan/check-plan.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import { pathText } from '../../../shared/runtime/problem.ts';
import { heartPlan } from '../../support/plans.ts';

type Change = (plan: Plan) => void;

/** Findings after the change, as `path: message`. */
function findingsAfter(change: Change): string[] {
  const plan = structuredClone(heartPlan());
  change(plan);
  return planFindings(plan).map(({ path, message }) => `${pathText(path)}: ${message}`);
}

function column(plan: Plan, name: string): Plan['data']['columns'][number] {
  const found = plan.data.columns.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(name);
  return found;
}

function continuous(plan: Plan, name: string): Extract<Plan['data']['columns'][number], { kind: 'continuous' }> {
  const found = column(plan, name);
  if (found.kind !== 'continuous') throw new Error(name);
  return found;
}

describe('planFindings', () => {
  it('finds nothing in a sound plan', () => {
    expect(findingsAfter(() => undefined)).toEqual([]);
  });

  it.each<[string, Change, string[]]>([
    [
      'the outcome among the features',
      (plan) => {
        plan.data.label.name = 'age';
      },
      ['data.label.name: the label age is also a feature: remove data.columns[0]'],
    ],
    [
      'the outcome among the features, in capitals',
      (plan) => {
        plan.data.label.name = 'Age';
      },
      ['data.label.name: the label Age is also a feature: remove data.columns[0]'],
    ],
    [
      'the patient key among the features',
      (plan) => {
        plan.data.patientKey = 'sex';
      },
      ['data.patientKey: the patient key sex is also a feature: remove data.columns[1]'],
    ],
    [
      'the time as patient key',
      (plan) => {
        plan.data.patientKey = 'admitted';
      },
      ['data.time: the time and the patient key are the same column admitted'],
    ],
    [
      'a column twice',
      (plan) => {
        column(plan, 'cholesterol').name = 'AGE';
      },
      ['data.columns[4].name: the column "AGE" is already number 1 of the list; each may stand once'],
    ],
    [
      'a range upside down, and not what follows from it',
      (plan) => {
        continuous(plan, 'age').range = [110, 18];
        continuous(plan, 'age').edges = [50];
      },
      ['data.columns[0].range: the first bound must be below the second, found [110, 18]'],
    ],
    [
      'a range of one point',
      (plan) => {
        const label = { name: 'days', unit: 'd', range: [3, 3] as [number, number] };
        plan.task = { kind: 'regression' };
        plan.data.label = label;
      },
      ['data.label.range: the first bound must be below the second, found [3, 3]'],
    ],
    [
      'edges that do not ascend',
      (plan) => {
        continuous(plan, 'age').edges = [40, 60, 60, 50];
      },
      [
        'data.columns[0].edges[2]: edges must ascend: 60 follows 60',
        'data.columns[0].edges[3]: edges must ascend: 50 follows 60',
      ],
    ],
    [
      'edges on the ends of the range',
      (plan) => {
        continuous(plan, 'age').edges = [18, 50, 110];
      },
      [
        'data.columns[0].edges[0]: the edge 18 must lie inside the range [18, 110] of column age, not on or beyond its ends',
        'data.columns[0].edges[2]: the edge 110 must lie inside the range [18, 110] of column age, not on or beyond its ends',
      ],
    ],
    [
      'levels that are one number',
      (plan) => {
        const sugar = column(plan, 'fasting_sugar_high');
        if (sugar.kind === 'categorical') sugar.levels = ['1', '0', '1.0'];
      },
      ['data.columns[5].levels[2]: the level "1.0" is already number 1 of the list; each may stand once'],
    ],
    [
      'three levels of a binary outcome',
      (plan) => {
        plan.data.label = { name: 'disease', levels: ['0', '1', '2'] };
      },
      ['data.label.levels: a binary task has exactly 2 levels, the second being the event; found 3'],
    ],
    [
      'two levels of a multiclass outcome',
      (plan) => {
        plan.task = { kind: 'multiclass' };
      },
      ['data.label.levels: a multiclass task has at least 3 levels, found 2; with 2 the task is binary'],
    ],
    [
      'levels for a regression',
      (plan) => {
        plan.task = { kind: 'regression' };
      },
      ['data.label: the label of a regression task has unit and range; this one has levels'],
    ],
    [
      'a unit for a class',
      (plan) => {
        plan.data.label = { name: 'disease', unit: 'd', range: [0, 1] };
      },
      ['data.label: the label of a binary task has levels; this one has unit and range'],
    ],
    [
      'a cut-off without a time',
      (plan) => {
        plan.data.time = null;
      },
      [
        'data.trainingCutoff: a cut-off 2024-01-01 needs the column with the time of prediction in data.time; write null where the source has no dates',
      ],
    ],
    [
      'a time without a cut-off',
      (plan) => {
        plan.data.trainingCutoff = null;
      },
      [
        'data.trainingCutoff: data.time is admitted, so a date must say which rows train (before it) and which judge (on or after it); without dates write time: null',
      ],
    ],
    [
      'an outcome window without a time',
      (plan) => {
        plan.data.time = null;
        plan.data.trainingCutoff = null;
        plan.data.outcomeWindowDays = 30;
      },
      [
        'data.outcomeWindowDays: without a time of prediction in data.time nobody can tell when 30 days are over; write 0 or name the column',
      ],
    ],
    [
      'a protected subgroup that is not cut',
      (plan) => {
        plan.gate.subgroups.protected = ['children'];
      },
      ['gate.subgroups.protected[0]: there is no subgroup "children" in data.subgroups; there are: women, over 65'],
    ],
    [
      'rules of the gate that contradict themselves',
      (plan) => {
        plan.gate.calibration.observedExpected = [1.1, 1.25];
        plan.gate.netBenefit = { threshold: 1, margin: 0.002, range: [0.5, 0.05] };
        plan.gate.override.roles = ['Clinical lead', 'clinical lead'];
        plan.gate.update.allowed = ['intercept', 'intercept'];
        plan.gate.monitor.priorRatio = [1.5, 2];
        plan.gate.monitor.windowWarn = 4;
      },
      [
        'gate.calibration.observedExpected: the range must hold 1, the ratio of a calibrated model; found [1.1, 1.25]',
        'gate.netBenefit.range: the first bound must be below the second, found [0.5, 0.05]',
        'gate.update.allowed[1]: the update "intercept" is already number 1 of the list; each may stand once',
        'gate.override.roles[1]: the role "clinical lead" is already number 1 of the list; each may stand once',
        'gate.netBenefit.threshold: a threshold of 1 treats everybody or nobody; give one between 0 and 1, or null',
        'gate.monitor.priorRatio: the range must hold 1, an unchanged prevalence; found [1.5, 2]',
        'gate.monitor.windowWarn: a window warns at 4, above the 3 at which it alarms',
      ],
    ],
    [
      'a subgroup of no column',
      (plan) => {
        plan.data.subgroups = [{ name: 'x', column: 'gender', level: 'female' }];
      },
      ['data.subgroups[0].column: there is no column gender; a subgroup is cut from one of data.columns'],
    ],
    [
      'a level of a continuous column',
      (plan) => {
        plan.data.subgroups = [{ name: 'x', column: 'age', level: '65' }];
      },
      ['data.subgroups[0].level: column age is continuous; bound the subgroup with atLeast and below'],
    ],
    [
      'bounds of a categorical column',
      (plan) => {
        plan.data.subgroups = [{ name: 'x', column: 'sex', atLeast: 1 }];
      },
      ['data.subgroups[0]: column sex is categorical; choose the subgroup with level'],
    ],
    [
      'a subgroup without bounds',
      (plan) => {
        plan.data.subgroups = [{ name: 'x', column: 'age' }];
      },
      ['data.subgroups[0]: a subgroup needs atLeast, below, or both'],
    ],
    [
      'bounds that exclude each other',
      (plan) => {
        plan.data.subgroups = [{ name: 'x', column: 'age', atLeast: 65, below: 65 }];
      },
      ['data.subgroups[0]: atLeast 65 must be less than below 65'],
    ],
    [
      'bounds beyond the range',
      (plan) => {
        plan.data.subgroups = [{ name: 'x', column: 'age', below: 18 }];
      },
      ['data.subgroups[0]: no value of column age in its range [18, 110] is in it'],
    ],
    [
      'two subgroups of one name',
      (plan) => {
        plan.data.subgroups = [
          { name: 'x', column: 'sex', level: 'female' },
          { name: 'x', column: 'sex', level: 'male' },
        ];
      },
      ['data.subgroups[1].name: the subgroup "x" is already number 1 of the list; each may stand once'],
    ],
    [
      'more sites needed than waited for',
      (plan) => {
        plan.federation.sites = { minimum: 5, target: 4 };
      },
      ['federation.sites.minimum: the minimum 5 is more than the target 4: no round could ever close'],
    ],
    [
      'a calibration range upside down',
      (plan) => {
        plan.gate.calibration.intercept = [0.2, -0.2];
      },
      ['gate.calibration.intercept: the first bound must be below the second, found [0.2, -0.2]'],
    ],
    [
      'calibration ranges without the calibrated model',
      (plan) => {
        plan.gate.calibration.slope = [1.1, 1.5];
        plan.gate.calibration.intercept = [-0.3, -0.1];
      },
      [
        'gate.calibration.slope: the range must hold 1, the slope of a calibrated model; found [1.1, 1.5]',
        'gate.calibration.intercept: the range must hold 0, the intercept of a calibrated model; found [-0.3, -0.1]',
      ],
    ],
  ])('finds %s', (_, change, findings) => {
    expect(findingsAfter(change)).toEqual(findings);
  });

  it('takes a level that is written as another number of the same value', () => {
    expect(
      findingsAfter((plan) => {
        plan.data.subgroups = [{ name: 'x', column: 'fasting_sugar_high', level: '1.0' }];
      }),
    ).toEqual([]);
  });

  it('reports every contradiction of a plan, not the first', () => {
    const findings = findingsAfter((plan) => {
      plan.data.label.name = 'age';
      plan.data.time = null;
      plan.federation.sites = { minimum: 5, target: 4 };
    });
    expect(findings).toHaveLength(3);
  });
});
