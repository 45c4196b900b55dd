import type { DataContract } from './contract.ts';
import { type Finding, type Path, repeated } from './finding.ts';
import { normaliseLevel } from './level.ts';

/** A subgroup is cut from a column there is, by a level or bounds that some row can have. */
export function subgroupFindings(contract: DataContract): Finding[] {
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
