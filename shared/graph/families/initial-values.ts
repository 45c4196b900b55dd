import type { InitialValue } from '../network-types.ts';
import type { ActivationName } from './activation.ts';

/** Uniform with variance 2 / inputs, before rectifiers: K. He et al. (2015), Delving Deep into Rectifiers, equation 10. */
export function heUniform(inputs: number): InitialValue {
  return { kind: 'uniform', limit: Math.sqrt(6 / inputs) };
}

/** Uniform with variance 2 / (inputs + outputs): Glorot and Bengio (2010), Understanding the Difficulty of Training, equation 16. */
export function glorotUniform(inputs: number, outputs: number): InitialValue {
  return { kind: 'uniform', limit: Math.sqrt(6 / (inputs + outputs)) };
}

/** He's where the activation is a rectifier or close to one, Glorot's before tanh and sigmoid. */
export function beforeActivation(activation: ActivationName, inputs: number, outputs: number): InitialValue {
  return activation === 'tanh' || activation === 'sigmoid' ? glorotUniform(inputs, outputs) : heUniform(inputs);
}
