import type { Plan } from '../plan/plan.ts';
import { receptiveSteps } from './families/tcn.ts';

const linearNames: Readonly<Record<Plan['task']['kind'], string>> = {
  binary: 'logistic regression',
  multiclass: 'multinomial logistic regression',
  ordinal: 'proportional-odds model',
  regression: 'linear regression',
  survival: 'Cox proportional hazards model',
};

const inList = (widths: readonly number[]): string => widths.join(', ');
const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

/** The family and its size, such as `gated recurrent network, width 12, 1 layer`. */
export function familyText({ model, task, data }: Plan): string {
  switch (model.family) {
    case 'logistic':
    case 'cox':
      return linearNames[task.kind];
    case 'mlp': {
      const vectors = model.embeddings?.map(({ column, width }) => `${column} ${width}`).join(', ');
      return `fully connected network, hidden layers of ${inList(model.hidden)}, ${model.activation}${vectors === undefined ? '' : `, trained vectors a level: ${vectors}`}`;
    }
    case 'tcn': {
      const steps = data.payload?.kind === 'series' ? data.payload.steps : 0;
      const seen = Math.min(steps, receptiveSteps(model));
      return `temporal convolutional network, ${model.channels.length === 1 ? 'one block' : `${model.channels.length} blocks`} of ${inList(model.channels)} channels, kernel ${model.kernel}, ${model.activation}, which sees ${seen === steps ? 'every step' : `the last ${seen} steps`}`;
    }
    case 'gru':
      return `gated recurrent network, width ${model.hidden}, ${counted(model.layers, 'layer')}`;
    case 'cnn':
      return `convolutional network, channels ${inList(model.channels)}${model.hidden.length === 0 ? '' : `, then layers of ${inList(model.hidden)}`}, ${model.activation}, ${normalisationText(model.normalisation)}`;
    case 'resnet':
      return `residual network, ${counted(model.blocks, 'block')} a stage, channels ${inList(model.channels)}, ${normalisationText(model.normalisation)}`;
    case 'transformer':
      return `transformer encoder, ${counted(model.blocks, 'block')}, width ${model.width}, ${counted(model.heads, 'head')}`;
    case 'onnx': {
      const source = model.network?.source;
      return source === undefined
        ? 'network brought as an ONNX file'
        : `network brought as an ONNX file (SHA-256 ${source.sha256}, written by ${source.producer})`;
    }
  }
}

function normalisationText(kind: 'none' | 'batch' | 'group'): string {
  return kind === 'none' ? 'no normalisation' : `${kind} normalisation`;
}

/** The loss a plan names; null where it leaves it to the task. */
export function lossText({ loss }: Plan['training']): string | null {
  if (loss === undefined) return null;
  const weights =
    'classWeights' in loss && loss.classWeights !== undefined
      ? `, levels weighted ${loss.classWeights.join(', ')}`
      : '';
  switch (loss.kind) {
    case 'focal':
      return `focal loss, gamma ${loss.gamma}${weights}`;
    case 'huber':
      return `Huber loss, delta ${loss.delta}`;
    case 'cox':
      return `partial likelihood, ties after ${loss.ties === 'efron' ? 'Efron' : 'Breslow'}`;
    case 'cross-entropy':
      return `cross-entropy${weights}${loss.smoothing === undefined ? '' : `, labels smoothed by ${loss.smoothing}`}`;
    case 'squared':
      return 'squared error';
    case 'ordinal':
      return 'likelihood of the proportional-odds model';
  }
}

/** What a network reads beside columns, such as `images of 9 × 8 pixels, in colour`; null where that is nothing. */
export function payloadText({ payload }: Plan['data']): string | null {
  if (payload === undefined) return null;
  if (payload.kind === 'images') {
    return `images of ${payload.width} × ${payload.height} pixels, ${payload.channels === 1 ? 'grey' : 'in colour'}`;
  }
  const channels = payload.channels.map(({ name, unit }) => `${name} (${unit})`).join(', ');
  return `series of ${payload.steps} steps of ${payload.stepMinutes} minutes: ${channels}`;
}

/** How a site trains, such as `adam, rate 0.01, batch 32, 2 epochs a round at each hospital, L2 0, seed 7`. */
export function trainingText({ model, training }: Plan): string {
  const { work, optimiser, batch, l2, clipNorm, perExampleClip, earlyStopping, precision, schedule, seed } = training;
  return [
    optimiser.kind,
    `rate ${optimiser.rate}${schedule === undefined ? '' : ` (${schedule.kind} a ${schedule.per})`}`,
    `batch ${batch}`,
    `${'epochs' in work ? counted(work.epochs, 'epoch') : counted(work.steps, 'step')} a round at each hospital`,
    `L2 ${l2}`,
    optimiser.kind === 'adamw' ? `weight decay ${optimiser.decay}` : null,
    'dropout' in model && model.dropout !== undefined ? `dropout ${model.dropout}` : null,
    clipNorm === undefined ? null : `gradients clipped to ${clipNorm}`,
    perExampleClip === undefined ? null : `each row's gradient clipped to ${perExampleClip}`,
    earlyStopping === undefined ? null : `stopped early on ${100 * earlyStopping.share} % of the patients`,
    precision === 'mixed' ? 'float16 where the device computes in it' : null,
    `seed ${seed}`,
  ]
    .filter((part) => part !== null)
    .join(', ');
}
