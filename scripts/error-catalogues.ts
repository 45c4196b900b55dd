import { planErrors } from '../shared/plan/plan-error.ts';
import { configErrors } from '../shared/runtime/config-error.ts';
import type { ErrorCatalogue } from '../shared/runtime/errors.ts';
import { tensorErrors } from '../shared/tensors/tensor-error.ts';
import { wireErrors } from '../shared/wire/wire-error.ts';

/** One subsystem of `docs/errors.md`. `subsystem` is the word before the dot of a full code. */
export interface CatalogueEntry {
  readonly subsystem: string;
  readonly about: string;
  readonly file: string;
  readonly catalogue: ErrorCatalogue<string>;
}

/** Every error catalogue of the product; a test finds the ones that are missing here. */
export const errorCatalogues: readonly CatalogueEntry[] = [
  {
    subsystem: 'config',
    about: 'Configuration files and the environment.',
    file: 'shared/runtime/config-error.ts',
    catalogue: configErrors,
  },
  {
    subsystem: 'plan',
    about: 'Plans and policies.',
    file: 'shared/plan/plan-error.ts',
    catalogue: planErrors,
  },
  {
    subsystem: 'tensors',
    about: 'Weights and updates as safetensors files.',
    file: 'shared/tensors/tensor-error.ts',
    catalogue: tensorErrors,
  },
  {
    subsystem: 'wire',
    about: 'Calls between a site or an operator and the coordinator.',
    file: 'shared/wire/wire-error.ts',
    catalogue: wireErrors,
  },
];
