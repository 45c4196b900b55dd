import type { DataContract } from './contract.ts';
import { normaliseLevel } from './level.ts';
import type { Plan } from './plan.ts';
import type { Policy } from './policy.ts';

/** A contradiction between values that are each well formed. */
export interface Finding {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

type Path = readonly (string | number)[];

function orderedRange(range: readonly [number, number], path: Path): Finding[] {
  const [low, high] = range;
  return low < high ? [] : [{ path, message: `the first bound must be below the second, found [${low}, ${high}]` }];
}

/** Same text twice, reported at the second place. */
function repeated(
  values: readonly string[],
  path: Path,
  what: string,
  options: { readonly key?: string; readonly formOf?: (value: string) => string } = {},
): Finding[] {
  const { key, formOf = (value: string) => value } = options;
  const seen = new Map<string, number>();
  const findings: Finding[] = [];
  values.forEach((value, index) => {
    const form = formOf(value);
    const first = seen.get(form);
    if (first === undefined) seen.set(form, index);
    else {
      findings.push({
        path: key === undefined ? [...path, index] : [...path, index, key],
        message: `${what} ${JSON.stringify(value)} is already number ${first + 1} of the list; each may stand once`,
      });
    }
  });
  return findings;
}

function levelFindings(levels: readonly string[], path: Path): Finding[] {
  return repeated(levels, path, 'the level', { formOf: normaliseLevel });
}

function columnFindings(contract: DataContract): Finding[] {
  const findings = repeated(
    contract.columns.map((column) => column.name),
    ['data', 'columns'],
    'the column',
    // SQL compares names without case; two columns that differ only in case cannot both be asked for.
    { key: 'name', formOf: (name) => name.toLowerCase() },
  );
  contract.columns.forEach((column, index) => {
    const path: Path = ['data', 'columns', index];
    if (column.kind === 'categorical') {
      findings.push(...levelFindings(column.levels, [...path, 'levels']));
      return;
    }
    findings.push(...orderedRange(column.range, [...path, 'range']));
    const [low, high] = column.range;
    column.edges.forEach((edge, at) => {
      const before = column.edges[at - 1];
      if (before !== undefined && edge <= before) {
        findings.push({
          path: [...path, 'edges', at],
          message: `edges must ascend: ${edge} follows ${before}`,
        });
      }
      // Against a range upside down nothing more can be said.
      if (low < high && (edge <= low || edge >= high)) {
        findings.push({
          path: [...path, 'edges', at],
          message: `the edge ${edge} must lie inside the range [${low}, ${high}] of column ${column.name}, not on or beyond its ends`,
        });
      }
    });
  });
  return findings;
}

/** The patient key, the time and the label each need a column of their own: one that is also a feature would leak into the model. */
function roleFindings(contract: DataContract): Finding[] {
  const findings: Finding[] = [];
  const roles: { readonly role: string; readonly name: string; readonly path: Path }[] = [
    { role: 'the label', name: contract.label.name, path: ['data', 'label', 'name'] },
    { role: 'the patient key', name: contract.patientKey, path: ['data', 'patientKey'] },
    ...(contract.time === null ? [] : [{ role: 'the time', name: contract.time, path: ['data', 'time'] as Path }]),
  ];
  const columns = new Map(contract.columns.map((column, index) => [column.name.toLowerCase(), index]));
  const taken = new Map<string, string>();
  for (const { role, name, path } of roles) {
    const key = name.toLowerCase();
    const feature = columns.get(key);
    if (feature !== undefined) {
      findings.push({ path, message: `${role} ${name} is also a feature: remove data.columns[${feature}]` });
    }
    const other = taken.get(key);
    if (other === undefined) taken.set(key, role);
    else findings.push({ path, message: `${role} and ${other} are the same column ${name}` });
  }
  return findings;
}

function timeFindings(contract: DataContract): Finding[] {
  if (contract.time === null && contract.trainingCutoff === null && contract.outcomeWindowDays > 0) {
    return [
      {
        path: ['data', 'outcomeWindowDays'],
        message: `without a time of prediction in data.time nobody can tell when ${contract.outcomeWindowDays} days are over; write 0 or name the column`,
      },
    ];
  }
  if ((contract.time === null) === (contract.trainingCutoff === null)) return [];
  return contract.time === null
    ? [
        {
          path: ['data', 'trainingCutoff'],
          message: `a cut-off ${contract.trainingCutoff} needs the column with the time of prediction in data.time; write null where the source has no dates`,
        },
      ]
    : [
        {
          path: ['data', 'trainingCutoff'],
          message: `data.time is ${contract.time}, so a date must say which rows train (before it) and which judge (on or after it); without dates write time: null`,
        },
      ];
}

function subgroupFindings(contract: DataContract): Finding[] {
  const findings = repeated(
    contract.subgroups.map((subgroup) => subgroup.name),
    ['data', 'subgroups'],
    'the subgroup',
    { key: 'name' },
  );
  contract.subgroups.forEach((subgroup, index) => {
    const path: Path = ['data', 'subgroups', index];
    const column = contract.columns.find((candidate) => candidate.name === subgroup.column);
    if (column === undefined) {
      findings.push({
        path: [...path, 'column'],
        message: `there is no column ${subgroup.column}; a subgroup is cut from one of data.columns`,
      });
      return;
    }
    if ('level' in subgroup) {
      if (column.kind !== 'categorical') {
        findings.push({
          path: [...path, 'level'],
          message: `column ${column.name} is continuous; bound the subgroup with atLeast and below`,
        });
      } else if (!column.levels.map(normaliseLevel).includes(normaliseLevel(subgroup.level))) {
        findings.push({
          path: [...path, 'level'],
          message: `column ${column.name} has no level ${JSON.stringify(subgroup.level)}; its levels are ${column.levels.join(', ')}`,
        });
      }
      return;
    }
    if (column.kind !== 'continuous') {
      findings.push({ path, message: `column ${column.name} is categorical; choose the subgroup with level` });
      return;
    }
    const { atLeast, below } = subgroup;
    if (atLeast === undefined && below === undefined) {
      findings.push({ path, message: 'a subgroup needs atLeast, below, or both' });
    }
    if (atLeast !== undefined && below !== undefined && atLeast >= below) {
      findings.push({ path, message: `atLeast ${atLeast} must be less than below ${below}` });
    }
    const [low, high] = column.range;
    if (low < high && ((atLeast !== undefined && atLeast > high) || (below !== undefined && below <= low))) {
      findings.push({ path, message: `no value of column ${column.name} in its range [${low}, ${high}] is in it` });
    }
  });
  return findings;
}

function taskFindings(plan: Plan): Finding[] {
  const { label } = plan.data;
  const path: Path = ['data', 'label'];
  if (plan.task.kind === 'regression') {
    return 'levels' in label
      ? [{ path, message: 'a regression label is numeric: give it unit and range instead of levels' }]
      : orderedRange(label.range, [...path, 'range']);
  }
  if (!('levels' in label)) {
    return [{ path, message: `a ${plan.task.kind} label needs levels instead of unit and range` }];
  }
  const findings = levelFindings(label.levels, [...path, 'levels']);
  const count = label.levels.length;
  if (plan.task.kind === 'binary' && count !== 2) {
    findings.push({
      path: [...path, 'levels'],
      message: `a binary task has exactly 2 levels, the second being the event; found ${count}`,
    });
  }
  if (plan.task.kind === 'multiclass' && count < 3) {
    findings.push({
      path: [...path, 'levels'],
      message: `a multiclass task has at least 3 levels, found ${count}; with 2 the task is binary`,
    });
  }
  return findings;
}

function federationFindings(plan: Plan): Finding[] {
  const { sites, sharing } = plan.federation;
  const findings: Finding[] = [];
  if (sites.minimum > sites.target) {
    findings.push({
      path: ['federation', 'sites', 'minimum'],
      message: `the minimum ${sites.minimum} is more than the target ${sites.target}: no round could ever close`,
    });
  }
  sharing?.scoreEdges?.forEach((edge, at, edges) => {
    const before = edges[at - 1];
    if (before !== undefined && edge <= before) {
      findings.push({
        path: ['federation', 'sharing', 'scoreEdges', at],
        message: `edges must ascend: ${edge} follows ${before}`,
      });
    }
  });
  return findings;
}

/** The range is in order and holds the value of a perfectly calibrated model. */
function calibrationRange(range: readonly [number, number], perfect: number, figure: string, path: Path): Finding[] {
  const findings = orderedRange(range, path);
  const [low, high] = range;
  if (findings.length === 0 && (low > perfect || high < perfect)) {
    const message = `the range must hold ${perfect}, the ${figure} of a calibrated model; found [${low}, ${high}]`;
    findings.push({ path, message });
  }
  return findings;
}

/** What contradicts itself in a policy that stands at `base` of its document. */
export function policyFindings(policy: Policy, base: Path): Finding[] {
  const { slope, intercept, observedExpected } = policy.calibration;
  const { netBenefit, monitor } = policy;
  const findings = [
    ...calibrationRange(slope, 1, 'slope', [...base, 'calibration', 'slope']),
    ...calibrationRange(intercept, 0, 'intercept', [...base, 'calibration', 'intercept']),
    ...calibrationRange(observedExpected, 1, 'ratio', [...base, 'calibration', 'observedExpected']),
    ...orderedRange(netBenefit.range, [...base, 'netBenefit', 'range']),
    ...repeated(policy.subgroups.protected, [...base, 'subgroups', 'protected'], 'the subgroup'),
    ...repeated(policy.update.allowed, [...base, 'update', 'allowed'], 'the update'),
    ...repeated(policy.override.roles, [...base, 'override', 'roles'], 'the role', {
      formOf: (role) => role.trim().toLowerCase(),
    }),
  ];
  if (netBenefit.threshold === 0 || netBenefit.threshold === 1) {
    findings.push({
      path: [...base, 'netBenefit', 'threshold'],
      message: `a threshold of ${netBenefit.threshold} treats everybody or nobody; give one between 0 and 1, or null`,
    });
  }
  const [lowest, highest] = monitor.priorRatio;
  if (lowest >= 1 || highest <= 1) {
    findings.push({
      path: [...base, 'monitor', 'priorRatio'],
      message: `the range must hold 1, an unchanged prevalence; found [${lowest}, ${highest}]`,
    });
  }
  if (monitor.windowWarn > monitor.windowAlarm) {
    findings.push({
      path: [...base, 'monitor', 'windowWarn'],
      message: `a window warns at ${monitor.windowWarn}, above the ${monitor.windowAlarm} at which it alarms`,
    });
  }
  return findings;
}

/** A protected subgroup that the plan does not cut could never be judged, and nothing ever be accepted. */
function protectedFindings({ data, gate }: Plan): Finding[] {
  const known = data.subgroups.map(({ name }) => name);
  return gate.subgroups.protected.flatMap((name, at) =>
    known.includes(name)
      ? []
      : [
          {
            path: ['gate', 'subgroups', 'protected', at],
            message: `there is no subgroup ${JSON.stringify(name)} in data.subgroups; there are: ${known.join(', ') || 'none'}`,
          },
        ],
  );
}

/** Everything in a well-formed plan that contradicts itself, in the order of the document. */
export function planFindings(plan: Plan): Finding[] {
  return [
    ...columnFindings(plan.data),
    ...taskFindings(plan),
    ...roleFindings(plan.data),
    ...timeFindings(plan.data),
    ...subgroupFindings(plan.data),
    ...federationFindings(plan),
    ...policyFindings(plan.gate, ['gate']),
    ...protectedFindings(plan),
  ];
}
