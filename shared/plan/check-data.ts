import type { DataContract } from './contract.ts';
import { type Finding, orderedRange, type Path, repeated } from './finding.ts';
import { normaliseLevel } from './level.ts';
import { rowColumn } from './payload.ts';
import type { Plan } from './plan.ts';

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
  const { label, payload } = contract;
  const roles: { readonly role: string; readonly name: string; readonly path: Path }[] = [
    { role: 'the label', name: label.name, path: ['data', 'label', 'name'] },
    ...('event' in label ? [{ role: 'the event', name: label.event, path: ['data', 'label', 'event'] as Path }] : []),
    { role: 'the patient key', name: contract.patientKey, path: ['data', 'patientKey'] },
    ...(contract.time === null ? [] : [{ role: 'the time', name: contract.time, path: ['data', 'time'] as Path }]),
  ];
  // A stay of its own for every patient has the patient's key: only that one may do both.
  const link = payload === undefined ? null : rowColumn(payload);
  if (payload !== undefined && link !== null && link.toLowerCase() !== contract.patientKey.toLowerCase()) {
    roles.push(
      payload.kind === 'series'
        ? { role: 'the key of the series', name: link, path: ['data', 'payload', 'key'] }
        : { role: 'the file of the image', name: link, path: ['data', 'payload', 'file'] },
    );
  }
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

/** What the label of each task has, in words. */
const labelForms: Readonly<Record<Plan['task']['kind'], string>> = {
  binary: 'levels',
  multiclass: 'levels',
  ordinal: 'levels',
  regression: 'unit and range',
  survival: 'event, unit and range',
};

function taskFindings(plan: Plan): Finding[] {
  const { label } = plan.data;
  const { kind } = plan.task;
  const path: Path = ['data', 'label'];
  const found = 'levels' in label ? 'levels' : 'event' in label ? 'event, unit and range' : 'unit and range';
  if (found !== labelForms[kind]) {
    return [
      {
        path,
        message: `the label of ${kind === 'ordinal' ? 'an' : 'a'} ${kind} task has ${labelForms[kind]}; this one has ${found}`,
      },
    ];
  }
  if (!('levels' in label)) {
    const findings = orderedRange(label.range, [...path, 'range']);
    const latest = label.range[1];
    if ('event' in label && latest <= 0) {
      findings.push({ path: [...path, 'range'], message: `times are above 0; the range ends at ${latest}` });
    }
    return findings;
  }
  const findings = levelFindings(label.levels, [...path, 'levels']);
  const count = label.levels.length;
  if (kind === 'binary' && count !== 2) {
    findings.push({
      path: [...path, 'levels'],
      message: `a binary task has exactly 2 levels, the second being the event; found ${count}`,
    });
  }
  if (kind !== 'binary' && count < 3) {
    findings.push({
      path: [...path, 'levels'],
      message: `${kind === 'ordinal' ? 'an' : 'a'} ${kind} task has at least 3 levels, found ${count}; with 2 the task is binary`,
    });
  }
  return findings;
}

/** What contradicts itself in the columns, label, times and roles of a contract. */
export function dataFindings(plan: Plan): Finding[] {
  return [...columnFindings(plan.data), ...taskFindings(plan), ...roleFindings(plan.data), ...timeFindings(plan.data)];
}
