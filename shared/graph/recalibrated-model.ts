import { probabilityClip } from '../statistics/binomial-groups.ts';
import type { Recalibration } from '../statistics/recalibration-kinds.ts';
import type { Value } from './graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { GraphError } from './graph-error.ts';
import { graphProto } from './onnx-file.ts';
import { modelProto } from './onnx-schema.ts';

/** Names a released binary model gives its outputs; the recalibrated one takes them over. */
const outputs = ['probability', 'logit'] as const;
/** Where the release's own figures stay inside the recalibrated model, and what the added values are called. */
const ofRelease = (name: string): string => `release/${name}`;
const ofUpdate = (name: string): string => `update/${name}`;

/** Metadata that says which kind of recalibration a model ends with. */
const updateKey = 'wardround.update';

interface NodeFields {
  readonly name?: string;
  readonly opType: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly unknown[];
}

interface NamedFields {
  readonly name: string;
}

interface ModelFields {
  readonly metadataProps: readonly { readonly key: string; readonly value: string }[];
  readonly graph: {
    readonly name: string;
    readonly node: readonly NodeFields[];
    readonly initializer: readonly NamedFields[];
    readonly input: readonly NamedFields[];
    readonly output: readonly NamedFields[];
  };
}

/**
 * A released model with a recalibration at its end, as standard ONNX operators: same input, same outputs `probability` and `logit`, now of
 * the updated risk, so that whatever runs the release runs this. The added part works in float64 on the release's float32 probability,
 * and gives what `applyRecalibration` gives to float32 rounding; a row that breaks the contract stays NaN. Equal arguments give equal bytes.
 *
 * @param model bytes of a binary model as `buildInferenceModel` writes them.
 * @throws GraphError `not_extendable` for any other file: reading and writing it again would not give the same bytes.
 */
export function recalibratedModel(model: Uint8Array, recalibration: Recalibration): Uint8Array {
  const release = decodeExactly(model);
  const { graph } = release;
  const found = graph.output.map(({ name }) => name);
  const [input] = graph.input;
  if (input === undefined || found.length !== outputs.length || outputs.some((name) => !found.includes(name))) {
    throw new GraphError(
      'not_extendable',
      `the model's outputs are [${found.join(', ')}]; recalibrated is one with probability and logit`,
    );
  }
  if (release.metadataProps.some(({ key }) => key === updateKey)) {
    throw new GraphError(
      'not_extendable',
      'the model is a recalibrated one already: the release itself is recalibrated',
    );
  }
  const kept = (name: string): string => ((outputs as readonly string[]).includes(name) ? ofRelease(name) : name);
  const added = graphProto(head(recalibration)) as ModelFields['graph'];
  const moved = (name: string): string => {
    if (name === 'release') return ofRelease('probability');
    return (outputs as readonly string[]).includes(name) ? name : ofUpdate(name);
  };
  const node = [
    ...graph.node.map((one) => ({ ...one, input: one.input.map(kept), output: one.output.map(kept) })),
    ...added.node.map((one) => ({
      ...one,
      name: ofUpdate(one.name ?? ''),
      input: one.input.map(moved),
      output: one.output.map(moved),
    })),
  ];
  const initializer = [...graph.initializer, ...added.initializer.map((one) => ({ ...one, name: ofUpdate(one.name) }))];
  return modelProto
    .encode({
      ...release,
      metadataProps: [...release.metadataProps, { key: updateKey, value: recalibration.kind }],
      graph: { ...graph, node, initializer },
    })
    .finish();
}

/** The file as fields, with the certainty that nothing in it was overlooked. */
function decodeExactly(bytes: Uint8Array): ModelFields {
  try {
    const message = modelProto.decode(bytes);
    if (Buffer.compare(modelProto.encode(message).finish(), bytes) === 0) {
      return modelProto.toObject(message, { arrays: true }) as ModelFields;
    }
  } catch (cause) {
    throw new GraphError('not_extendable', 'the model is no ONNX file', {}, cause);
  }
  throw new GraphError('not_extendable', 'the model holds more than Wardround writes, and would lose it');
}

/** A graph from the release's probability [N] to the updated `probability` and `logit`, both [N]. */
function head(recalibration: Recalibration) {
  const builder = new GraphBuilder('update');
  const release = builder.input('release', 'float', ['N']);
  const risk = builder.cast(release, 'double');
  const updated = updatedRisk(builder, recalibration, risk);
  // Some runtimes' bounds and comparisons make a number of NaN; a row without a prediction must not get one here.
  const undefinedRow = builder.op('IsNaN', [release]);
  const guarded = (value: Value): Value => builder.op('Where', [undefinedRow, release, builder.cast(value, 'float')]);
  builder.output('probability', guarded(updated));
  builder.output('logit', guarded(logOdds(builder, updated)));
  return builder.finish();
}

function updatedRisk(b: GraphBuilder, recalibration: Recalibration, risk: Value): Value {
  switch (recalibration.kind) {
    case 'none':
      return risk;
    case 'intercept':
      return b.op('Sigmoid', [b.add(logOdds(b, risk), b.doubles('intercept', recalibration.intercept))]);
    case 'logistic':
      return b.op('Sigmoid', [
        b.add(
          b.mul(logOdds(b, risk), b.doubles('slope', recalibration.slope)),
          b.doubles('intercept', recalibration.intercept),
        ),
      ]);
    case 'temperature':
      return b.op('Sigmoid', [b.div(logOdds(b, risk), b.doubles('temperature', recalibration.temperature))]);
    case 'prior': {
      const { trainingPrevalence: from, targetPrevalence: to } = recalibration;
      const event = b.mul(risk, b.doubles('eventRatio', to / from));
      const rest = b.sub(b.doubles('one', 1), risk);
      return b.div(event, b.add(event, b.mul(rest, b.doubles('nonEventRatio', (1 - to) / (1 - from)))));
    }
    case 'isotonic':
      return interpolated(b, recalibration, risk);
  }
}

/** ln(p / (1 - p)), p moved to [2^-24, 1 - 2^-24] first as everywhere. */
function logOdds(b: GraphBuilder, risk: Value): Value {
  const high = b.doubles('mostRisk', 1 - probabilityClip);
  const low = b.doubles('leastRisk', probabilityClip);
  const inside = b.op('Min', [b.op('Max', [risk, low]), high]);
  return b.op('Log', [b.div(inside, b.sub(b.doubles('one', 1), inside))]);
}

/** Straight lines between the points, constant beyond the ends: the number of points at or below the risk says between which two it lies. */
function interpolated(
  b: GraphBuilder,
  { scores, values }: Extract<Recalibration, { kind: 'isotonic' }>,
  risk: Value,
): Value {
  const first = values[0];
  if (first === undefined || scores.length !== values.length) {
    throw new GraphError('wrong_input', `an isotonic map of ${scores.length} scores and ${values.length} values`);
  }
  // Piece i runs from point i - 1 to point i; the first and the last are flat.
  const last = scores.length - 1;
  const starts = [scores[0] as number, ...scores];
  const bases = [first, ...values];
  const widths = [1, ...scores.map((score, at) => (at === last ? 1 : (scores[at + 1] as number) - score))];
  const rises = [0, ...values.map((value, at) => (at === last ? 0 : (values[at + 1] as number) - value))];
  const reached = b.op('GreaterOrEqual', [b.unsqueeze(risk, 1), b.unsqueeze(b.doubles('scores', scores), 0)]);
  const piece = b.cast(b.sum(b.cast(reached, 'float'), [1]), 'int64');
  const of = (hint: string, numbers: readonly number[]): Value => b.op('Gather', [b.doubles(hint, numbers), piece]);
  const share = b.div(b.sub(risk, of('starts', starts)), of('widths', widths));
  return b.add(of('bases', bases), b.mul(share, of('rises', rises)));
}
