import { describe, expect, it } from 'vitest';
import { OnnxError } from '../../../../shared/graph/onnx-read/onnx-error.ts';
import { checkSelfContained } from '../../../../shared/graph/onnx-read/self-contained.ts';
import { openScorer } from '../../../../site-agent/judging/scorer.ts';
import { exportedFile } from '../../../support/brought-plans.ts';
import { attributes, bytes, int, joined, linearFile, node, tensor, types } from '../../../support/onnx-bytes.ts';

const location = (path: string): Uint8Array => bytes(13, joined(bytes(1, 'location'), bytes(2, path)));
const outside = joined(int(1, 64), int(2, types.float), bytes(8, 'weight'), location('state/agent.sqlite'), int(14, 1));
const domain = (name: string): Uint8Array => bytes(7, name);

const reaching: readonly [string, string, Uint8Array][] = [
  ['weights in a file of the site', 'external_data', linearFile(2, { tensors: [outside] })],
  [
    'a place without a path',
    'external_data',
    linearFile(2, { tensors: [tensor('w', [1], [1], types.float, int(14, 1))] }),
  ],
  [
    'a path without a place',
    'external_data',
    linearFile(2, { tensors: [tensor('w', [1], [1], types.float, location('x'))] }),
  ],
  [
    'a constant in a file of the site',
    'external_data',
    linearFile(2, { nodes: [node('Constant', [], ['logits'], attributes.tensor('value', outside))] }),
  ],
  [
    'a loop',
    'subgraph',
    linearFile(2, {
      nodes: [node('Loop', ['n'], ['logits'], bytes(5, joined(bytes(1, 'body'), bytes(6, joined()), int(20, 5))))],
    }),
  ],
  ['random numbers', 'unsupported_operator', linearFile(2, { nodes: [node('RandomNormal', [], ['logits'])] })],
  [
    'a graph beside the operator',
    'subgraph',
    linearFile(2, { nodes: [joined(node('Relu', ['x'], ['logits']), bytes(4, 'Loop'))] }),
  ],
  [
    'five million fields that mean nothing',
    'over_limit',
    linearFile(2, { graph: [Uint8Array.from(Buffer.from('6a00'.repeat(5_000_000), 'hex'))] }),
  ],
  [
    'a library of operators',
    'unknown_domain',
    linearFile(2, { nodes: [node('Gemm', ['x'], ['logits'], domain('com.evil'))] }),
  ],
  [
    "the runtime's own operators",
    'unknown_domain',
    linearFile(2, { nodes: [node('Gemm', ['x'], ['logits'], domain('com.microsoft'))] }),
  ],
  ['functions', 'local_function', linearFile(2, { model: [bytes(25, joined())] })],
  ['training', 'training_info', linearFile(2, { model: [bytes(20, joined())] })],
  ['sparse weights', 'unsupported_type', linearFile(2, { graph: [bytes(15, joined())] })],
  ['no ONNX at all', 'malformed', Uint8Array.from(Buffer.from('not a model'))],
];

function refusal(file: Uint8Array): string {
  try {
    checkSelfContained(file);
    return 'taken';
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    return error.code;
  }
}

describe('a model that is to be run', () => {
  it.each(reaching)('is refused for %s (%s), and no runtime sees it', async (_, code, file) => {
    expect(refusal(file)).toBe(code);
    await expect(openScorer(file)).rejects.toMatchObject({ code: 'model_unreadable', cause: { code } });
  });

  it('is taken when it is all there', () => {
    expect(refusal(exportedFile('residual'))).toBe('taken');
    expect(refusal(exportedFile('gru'))).toBe('taken');
    expect(refusal(linearFile(2))).toBe('taken');
  });
});
