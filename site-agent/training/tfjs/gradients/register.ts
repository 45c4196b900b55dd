import type { GradConfig, Tensor } from '@tensorflow/tfjs-core';
import type { TfjsLibrary } from '../../tfjs-library.ts';
import { elementwiseGradients } from './elementwise.ts';
import type { KernelAttributes, KernelGradient, KernelGradients } from './gradient.ts';
import { productGradients } from './products.ts';
import { shapeGradients } from './shapes.ts';

/** By the kernel's name. */
export const kernelGradients: KernelGradients = { ...elementwiseGradients, ...shapeGradients, ...productGradients };

/** `own`: those written here. `package`: those the native packages bring, and ours where they have none. */
export type GradientSet = 'own' | 'package';

/**
 * The process has one registry of gradients, which every copy of the library shares. The core package's build for Node leaves its gradients
 * out (they come with the much larger `@tensorflow/tfjs`), and the native packages' own call kernels that WebAssembly does not have.
 */
let registered: GradientSet | undefined;
let fromPackage: ReadonlyMap<string, GradConfig> | undefined;

function configOf(tf: TfjsLibrary, kernelName: string, gradient: KernelGradient): GradConfig {
  return {
    kernelName,
    inputsToSave: [...(gradient.inputs ?? [])],
    outputsToSave: gradient.output === undefined ? [] : [true],
    ...(gradient.everyInput === undefined ? {} : { saveAllInputs: true }),
    gradFunc: (dy, saved, attributes) =>
      gradient.of(tf, dy as Tensor, saved, attributes as unknown as KernelAttributes),
  };
}

/** To be called when a native package has been loaded, which has put its gradients into the registry. */
export function rememberPackageGradients(tf: TfjsLibrary): void {
  registered = undefined;
  fromPackage ??= new Map(
    Object.keys(kernelGradients).flatMap((name) => {
      const config = tf.getGradient(name);
      return config === undefined ? [] : [[name, config] as const];
    }),
  );
}

/** Puts a set of gradients into the registry, if it is not there already. */
export function useGradients(tf: TfjsLibrary, set: GradientSet): void {
  if (registered === set) return;
  for (const [name, gradient] of Object.entries(kernelGradients)) {
    tf.registerGradient((set === 'package' ? fromPackage?.get(name) : undefined) ?? configOf(tf, name, gradient));
  }
  registered = set;
}
