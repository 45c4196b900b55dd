import { span, type Windows } from '../operators/windows.ts';

/** How far the last window reaches beyond each axis; negative where elements behind it are in no window. */
export function excessOf({ kernel, strides, dilations, begins, inputs, outputs }: Windows): number[] {
  return inputs.map(
    (length, axis) =>
      (strides[axis] as number) * ((outputs[axis] as number) - 1) +
      span(kernel[axis] as number, dilations[axis] as number) -
      (begins[axis] as number) -
      length,
  );
}
