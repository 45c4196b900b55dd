import { certificateErrors } from '../certs/certificate-error.ts';
import { exportErrors } from '../coordinator/releases/export-error.ts';
import { storeErrors } from '../coordinator/store/store-error.ts';
import { scalingErrors } from '../shared/algorithms/scaling-error.ts';
import { graphErrors } from '../shared/graph/graph-error.ts';
import { onnxErrors } from '../shared/graph/onnx-read/onnx-error.ts';
import { packetErrors } from '../shared/packet/packet-error.ts';
import { planErrors } from '../shared/plan/plan-error.ts';
import { configErrors } from '../shared/runtime/config-error.ts';
import type { ErrorCatalogue } from '../shared/runtime/errors.ts';
import { statisticsErrors } from '../shared/statistics/statistics-error.ts';
import { tensorErrors } from '../shared/tensors/tensor-error.ts';
import { wireErrors } from '../shared/wire/wire-error.ts';
import { simulationErrors } from '../simulations/simulation-error.ts';
import { agentErrors } from '../site-agent/agent/agent-error.ts';
import { dataErrors } from '../site-agent/data/data-error.ts';
import { egressErrors } from '../site-agent/egress/egress-error.ts';
import { judgingErrors } from '../site-agent/judging/judging-error.ts';
import { trainingErrors } from '../site-agent/training/training-error.ts';

/** One subsystem of `docs/errors.md`. `subsystem` is the word before the dot of a full code. */
export interface CatalogueEntry {
  readonly subsystem: string;
  /** What it is about, in one sentence. */
  readonly about: string;
  /** Where class and catalogue stand. */
  readonly file: string;
  readonly catalogue: ErrorCatalogue<string>;
}

/** Every error catalogue of the product; a test finds the ones that are missing here. */
export const errorCatalogues: readonly CatalogueEntry[] = [
  {
    subsystem: 'agent',
    about: 'The site agent: plans and their approval, tasks, the local registry of models.',
    file: 'site-agent/agent/agent-error.ts',
    catalogue: agentErrors,
  },
  {
    subsystem: 'certificates',
    about: 'Certificates, keys, enrolment tokens and signatures.',
    file: 'certs/certificate-error.ts',
    catalogue: certificateErrors,
  },
  {
    subsystem: 'config',
    about: 'Configuration files and the environment.',
    file: 'shared/runtime/config-error.ts',
    catalogue: configErrors,
  },
  {
    subsystem: 'data',
    about: "The hospital's query and its rows against the plan's data contract.",
    file: 'site-agent/data/data-error.ts',
    catalogue: dataErrors,
  },
  {
    subsystem: 'egress',
    about: 'What leaves a site: the check of small counts before anything is sent.',
    file: 'site-agent/egress/egress-error.ts',
    catalogue: egressErrors,
  },
  {
    subsystem: 'export',
    about: 'Releases written to a directory.',
    file: 'coordinator/releases/export-error.ts',
    catalogue: exportErrors,
  },
  {
    subsystem: 'graph',
    about: 'ONNX graphs of models and training steps.',
    file: 'shared/graph/graph-error.ts',
    catalogue: graphErrors,
  },
  {
    subsystem: 'judging',
    about: "Judging a release on the hospital's own patients.",
    file: 'site-agent/judging/judging-error.ts',
    catalogue: judgingErrors,
  },
  {
    subsystem: 'onnx',
    about: 'ONNX files that are brought as networks.',
    file: 'shared/graph/onnx-read/onnx-error.ts',
    catalogue: onnxErrors,
  },
  {
    subsystem: 'packet',
    about: 'The regulatory packet.',
    file: 'shared/packet/packet-error.ts',
    catalogue: packetErrors,
  },
  {
    subsystem: 'plan',
    about: 'Plans and policies.',
    file: 'shared/plan/plan-error.ts',
    catalogue: planErrors,
  },
  {
    subsystem: 'scaling',
    about: "Pooling the sites' summaries before round 1.",
    file: 'shared/algorithms/scaling-error.ts',
    catalogue: scalingErrors,
  },
  {
    subsystem: 'simulation',
    about: 'Scenarios, cohorts and the demo.',
    file: 'simulations/simulation-error.ts',
    catalogue: simulationErrors,
  },
  {
    subsystem: 'statistics',
    about: 'Statistical functions given what they cannot compute with.',
    file: 'shared/statistics/statistics-error.ts',
    catalogue: statisticsErrors,
  },
  {
    subsystem: 'store',
    about: "The coordinator's database and object store.",
    file: 'coordinator/store/store-error.ts',
    catalogue: storeErrors,
  },
  {
    subsystem: 'tensors',
    about: 'Weights and updates as safetensors files.',
    file: 'shared/tensors/tensor-error.ts',
    catalogue: tensorErrors,
  },
  {
    subsystem: 'training',
    about: 'Local training and its engines.',
    file: 'site-agent/training/training-error.ts',
    catalogue: trainingErrors,
  },
  {
    subsystem: 'wire',
    about: 'Calls between a site or an operator and the coordinator.',
    file: 'shared/wire/wire-error.ts',
    catalogue: wireErrors,
  },
];
