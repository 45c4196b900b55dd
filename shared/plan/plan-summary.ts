import { encodedFeatures } from '../graph/encoding.ts';
import { modelSizeText, travellingText } from '../graph/model-size.ts';
import { familyText, lossText, payloadText, trainingText } from '../graph/model-words.ts';
import { networkOf } from '../graph/network.ts';
import { describeNetwork } from '../graph/onnx-read/describe-network.ts';
import { workText } from '../graph/work.ts';
import type { Plan } from './plan.ts';
import type { Policy } from './policy.ts';
import { namedLine } from './text.ts';

function outcomeText(plan: Plan): string {
  const { label } = plan.data;
  if ('event' in label) return `${label.name} in ${label.unit}, until ${label.event} or the end of observation`;
  return 'levels' in label ? `${label.name} (${label.levels.join(', ')})` : `${label.name} in ${label.unit}`;
}

/**
 * What a plan asks for, for people who approve it: one line a matter, each with its line end.
 * @param width columns of the terminal, at which lines are broken; none are when absent
 */
export function planSummary(plan: Plan, digest: string, width?: number): string {
  const { data, federation } = plan;
  const lines: [string, string][] = [
    ['plan', plan.name],
    ['digest', digest],
    ['purpose', plan.purpose],
    ['task', `${plan.task.kind}: ${outcomeText(plan)}`],
    ['columns', `${data.columns.length}: ${data.columns.map((column) => column.name).join(', ')}`],
    [
      'judged on',
      data.trainingCutoff === null
        ? "each site's declared holdout (retrospective)"
        : `rows with ${data.time} from ${data.trainingCutoff} on; earlier rows train`,
    ],
    ['model', plan.model.family === 'onnx' ? 'onnx' : `${plan.model.family}: ${familyText(plan)}`],
    ['size', modelSizeText(plan)],
    ['travels', travellingText(plan)],
    ['work', workText(plan)],
    ['reads', readsText(plan)],
    ...networkLines(plan),
    ['training', [lossText(plan.training), trainingText(plan)].filter((text) => text !== null).join('; ')],
    [
      'federation',
      `${federation.strategy.kind}, ${federation.rounds} rounds, ${federation.sites.minimum} to ${federation.sites.target} sites, ${federation.roundDeadlineSeconds} s a round`,
    ],
    ['small counts', `figures from fewer than ${federation.minimumCount} patients stay at the site`],
    ['gate', plan.task.kind === 'binary' ? policyText(plan.gate) : heldText(plan)],
  ];
  return lines.map(([name, text]) => namedLine(name, text, width)).join('');
}

/** The network's inputs for one row, with the order of what the columns give, which an ONNX file must follow, and what it leaves unread. */
function readsText(plan: Plan): string {
  const { inputs } = networkOf(plan);
  const encoded = encodedFeatures(plan).join(', ');
  const payload = payloadText(plan.data);
  const unread = [
    ...(inputs.some(({ name }) => name === 'features') || encoded === '' ? [] : [encoded]),
    ...(inputs.some(({ name }) => name === 'payload') || payload === null ? [] : [payload]),
  ];
  return [
    ...inputs.map(({ name, shape }) => `${name} [${shape.join(', ')}]: ${name === 'features' ? encoded : payload}`),
    ...(unread.length === 0 ? [] : [`never ${unread.join(', ')}`]),
  ].join('; ');
}

/** What was read of an ONNX file: lines for people who must know what they approve. */
function networkLines({ model }: Plan): [string, string][] {
  if (model.family !== 'onnx' || model.network === undefined) return [];
  const text = describeNetwork(model.network);
  return [
    ['network', `from ${text.source}`],
    ['tensors', text.tensors],
    ['operators', text.operators],
    ...(text.withoutDerivative === null
      ? []
      : [['passes none', `${text.withoutDerivative}: nothing is learnt through these`] as [string, string]]),
    ...text.changes.map((change): [string, string] => ['changed', change]),
  ];
}

/** The rules of a gate that decide most, in one line. */
export function policyText(policy: Policy): string {
  return `${policy.name}: AUROC at least ${policy.auroc.floor}, at most ${policy.auroc.margin} below the model in use, ${policy.minimumEvents} events and ${policy.minimumNonEvents} non-events`;
}

/** What the gate does with models whose performance it does not judge. */
function heldText({ gate, task }: Plan): string {
  return `${gate.name}: shift is judged, the performance of a ${task.kind} model is not; every release is held for a person to decide`;
}
