/** What a site may name as its engine. */
export const engineChoices = [
  'auto',
  'onnx',
  'onnx-cpu',
  'onnx-webgpu',
  'onnx-cuda',
  'tfjs',
  'tfjs-node-gpu',
  'tfjs-node',
  'tfjs-webgpu',
  'tfjs-wasm',
  'tfjs-cpu',
] as const;

/**
 * - `auto`: measured on a few steps of each task, the fastest;
 * - `onnx` is `onnx-cpu`, `tfjs` the first of its backends that opens: neither is measured, so both are the same from start to start;
 * - the others: this library on this device and no other.
 */
export type EngineChoice = (typeof engineChoices)[number];

/** One that names a library and its device. */
export type DeviceChoice = Exclude<EngineChoice, 'auto' | 'onnx' | 'tfjs'>;
