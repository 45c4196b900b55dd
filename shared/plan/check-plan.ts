import { dataFindings } from './check-data.ts';
import { modelFindings } from './check-model.ts';
import { payloadFindings } from './check-payload.ts';
import { policyFindings } from './check-policy.ts';
import { subgroupFindings } from './check-subgroups.ts';
import { trainingFindings } from './check-training.ts';
import type { Finding } from './finding.ts';
import type { Plan } from './plan.ts';

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
    ...dataFindings(plan),
    ...payloadFindings(plan.data),
    ...subgroupFindings(plan.data),
    ...modelFindings(plan),
    ...trainingFindings(plan),
    ...federationFindings(plan),
    ...policyFindings(plan.gate, ['gate']),
    ...protectedFindings(plan),
  ];
}
