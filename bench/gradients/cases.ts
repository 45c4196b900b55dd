import type { GradientCase } from './case.ts';
import { arithmeticCases } from './cases/arithmetic.ts';
import { functionCases } from './cases/functions.ts';
import { indexingCases } from './cases/indexing.ts';
import { layoutCases } from './cases/layouts.ts';
import { normalisationCases } from './cases/normalisations.ts';
import { productCases } from './cases/products.ts';
import { reductionCases } from './cases/reductions.ts';
import { spatialCases } from './cases/spatial.ts';

/** Every operator with a derivative, in its shapes, attributes and edge cases; composites by the name they have in later operator sets. */
export const gradientCases: readonly GradientCase[] = [
  ...arithmeticCases,
  ...functionCases,
  ...indexingCases,
  ...layoutCases,
  ...normalisationCases,
  ...productCases,
  ...reductionCases,
  ...spatialCases,
];

/** Operators of later sets: the cases build them of operators of set 17, and no graph has one under its name. */
export const laterOperators: readonly string[] = ['Gelu', 'GroupNormalization'];
