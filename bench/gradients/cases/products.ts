import type { Attributes } from '../../../shared/graph/graph.ts';
import { type CaseInput, type GradientCase, normal } from '../case.ts';

const matMul = (title: string, x: CaseInput, y: CaseInput): GradientCase => ({
  operator: 'MatMul',
  title,
  inputs: [x, y],
  apply: (use) => use.b.op('MatMul', [use.x, use.y]),
});

const gemm = (title: string, inputs: readonly CaseInput[], attributes: Attributes = {}): GradientCase => ({
  operator: 'Gemm',
  title,
  inputs,
  apply: (use) => use.b.op('Gemm', use.inputs, attributes),
});

const einsum = (equation: string, ...inputs: CaseInput[]): GradientCase => ({
  operator: 'Einsum',
  title: equation,
  inputs,
  apply: (use) => use.b.op('Einsum', use.inputs, { equation: { string: equation } }),
  ...(equation.includes('...') ? { notInTfjs: 'its einsum has no ellipsis' } : {}),
});

const on = { int: 1 };

export const productCases: readonly GradientCase[] = [
  matMul('matrices, named rows', normal('N', 3), normal(3, 2)),
  matMul('batch times weights', normal(2, 3, 4), normal(4, 2)),
  matMul('four axes times weights', normal(2, 2, 3, 2), normal(2, 3)),
  matMul('batch times batch', normal(2, 3, 4), normal(2, 4, 2)),
  matMul('weights times batch', normal(3, 4), normal(2, 4, 2)),
  matMul('batches broadcast', normal(2, 1, 3, 2), normal(3, 2, 2)),
  matMul('batch of 1', normal(1, 3, 2), normal(4, 2, 2)),
  matMul('vector times vector', normal(3), normal(3)),
  matMul('vector times matrix', normal(3), normal(3, 2)),
  matMul('matrix times vector', normal(2, 3), normal(3)),
  matMul('batch times vector', normal(2, 2, 3), normal(3)),
  matMul('vector times batch', normal(3), normal(2, 3, 2)),
  matMul('one row, one column', normal(1, 1), normal(1, 1)),
  gemm('with bias, named rows', [normal('N', 3), normal(3, 2), normal(2)]),
  gemm('without bias', [normal('N', 3), normal(3, 2)]),
  gemm('bias of full shape', [normal(4, 3), normal(3, 2), normal(4, 2)]),
  gemm('bias a column', [normal(4, 3), normal(3, 2), normal(4, 1)]),
  gemm('bias a number', [normal(4, 3), normal(3, 2), normal()]),
  ...[false, true].flatMap((a) =>
    [false, true].map((c) =>
      gemm(
        `transA ${a}, transB ${c}, scaled`,
        [a ? normal(3, 4) : normal(4, 3), c ? normal(2, 3) : normal(3, 2), normal(2)],
        {
          ...(a ? { transA: on } : {}),
          ...(c ? { transB: on } : {}),
          alpha: { float: 0.75 },
          beta: { float: -1.5 },
        },
      ),
    ),
  ),
  einsum('ij,jk->ik', normal(2, 3), normal(3, 4)),
  einsum('bij,bjk->bik', normal(2, 3, 2), normal(2, 2, 3)),
  einsum('bhqd,bhkd->bhqk', normal(2, 2, 3, 2), normal(2, 2, 2, 2)),
  einsum('ij->ji', normal(2, 3)),
  einsum('ij->', normal(2, 3)),
  einsum('ij->i', normal(2, 3)),
  einsum('i,j->ij', normal(2), normal(3)),
  einsum('ij,ij', normal(2, 3), normal(2, 3)),
  einsum('ij,jk,k->i', normal(2, 3), normal(3, 2), normal(2)),
  einsum('...ij,...jk->...ik', normal(2, 2, 3), normal(2, 3, 2)),
  einsum('i...,i->...', normal(3, 2, 2), normal(3)),
  einsum('ij,k->i', normal(2, 3), normal(2)),
];
