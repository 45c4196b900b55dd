import type { GradConfig, Tensor } from '@tensorflow/tfjs-core';
import type { TfjsLibrary } from '../../tfjs-library.ts';
import { elementwiseGradients } from './elementwise.ts';
import type { KernelAttributes, KernelGradients } from './gradient.ts';
import { productGradients } from './products.ts';
import { shapeGradients } from './shapes.ts';

/** By the kernel's name. */
export const kernelGradients: KernelGradients = { ...elementwiseGradients, ...shapeGradients, ...productGradients };

/**
 * The core package's build for Node leaves its gradients out (they come with the much larger `@tensorflow/tfjs`), so those the
 * interpreter needs are registered here. A gradient the library has already is left alone: the native packages bring their own.
 */
export function registerGradients(tf: TfjsLibrary): void {
  for (const [kernelName, gradient] of Object.entries(kernelGradients)) {
    if (tf.getGradient(kernelName) !== undefined) continue;
    const config: GradConfig = {
      kernelName,
      inputsToSave: [...(gradient.inputs ?? [])],
      outputsToSave: gradient.output === undefined ? [] : [true],
      ...(gradient.everyInput === undefined ? {} : { saveAllInputs: true }),
      gradFunc: (dy, saved, attributes) =>
        gradient.of(tf, dy as Tensor, saved, attributes as unknown as KernelAttributes),
    };
    tf.registerGradient(config);
  }
}
