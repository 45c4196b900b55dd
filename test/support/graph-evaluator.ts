/** The evaluation in float64 that graphs are held against; the table of `npm run bench -- gradients` reads it too. */
export { evaluateGraph, type Float64Tensor } from '../../bench/gradients/evaluator.ts';
