import type { Graph, GraphNode, Value } from '../../shared/graph/graph.ts';
import type { FileModel } from '../../shared/graph/onnx-read/file-model.ts';
import { type FileGraph, graphOfFile } from '../../shared/graph/onnx-read/file-shapes.ts';
import {
  einsumPlaces,
  excessOf,
  mostWorkPerRow,
  timesWork,
  tooMuchWork,
  type Work,
  workOf,
} from '../../shared/graph/work.ts';
import { bytesOfValues, graphCost } from '../training/graph-cost.ts';
import { usualMemoryMegabytes } from '../training/training-memory.ts';
import { JudgingError } from './judging-error.ts';

const megabyte = 1024 ** 2;
/** Bytes of the values of one call of the runtime, as estimated, beyond which it is given fewer rows: as many as a step of training may have. */
const mostCallBytes = 128 * megabyte;

/** Bytes that a model's weights take, and what one call on some rows takes beside them. */
interface ModelBytes {
  readonly stored: number;
  readonly call: number;
}

const sizeOf = (shape: readonly (number | string)[]): number =>
  shape.reduce<number>((product, length) => product * Number(length), 1);

/** Channels in which the runtime lays a convolution's kernel and result out, whether or not there are as many. */
const channelBlock = 16;

const inBlocks = (channels: number): number => (channels === 0 ? 0 : Math.ceil(channels / channelBlock) * channelBlock);

/** Bytes an operator takes for itself while it works, beside what goes in and comes out; measured of onnxruntime 1.30. */
function workingBytes(node: GraphNode): number {
  const { operator, inputs, outputs } = node;
  const [first = [], second = []] = inputs.map(({ shape }) => shape);
  switch (operator) {
    case 'Conv': {
      const [output] = outputs as [Value];
      const [rows = 0, channels = 0, ...rest] = output.shape;
      return bytesOfValues([{ type: output.type, shape: [rows, inBlocks(Number(channels)), ...rest] }]);
    }
    case 'ConvTranspose':
      // All products of one row's input and kernel are laid out before they are added up.
      return 4 * sizeOf(first.slice(2)) * sizeOf(second.slice(1));
    case 'Where':
      // Either side by itself, then the two together.
      return 2 * bytesOfValues(outputs);
    case 'Einsum':
      // Turned and laid out anew. Of several, two are multiplied at a time, and may hold every index there is.
      return 2 * (inputs.length > 2 ? 4 * einsumPlaces(node) : bytesOfValues([...inputs, ...outputs]));
    case 'ScatterElements':
    case 'ScatterND':
      // Places counted from the front, and in the flat data.
      return 2 * 8 * sizeOf(second);
    default:
      return 0;
  }
}

/** A stored value is in the file, in the runtime's reading of it, and in the layout it is computed with. */
const copiesStored = 3;

function storedBytes({ constants, nodes }: Graph): number {
  const kernels = new Set(nodes.flatMap(({ operator, inputs }) => (operator === 'Conv' ? [inputs[1]?.name] : [])));
  const laidOut = constants.map(({ name, type, shape }) => {
    const [channels = 0, ...rest] = shape;
    return { type, shape: kernels.has(name) ? [inBlocks(Number(channels)), ...rest] : shape };
  });
  return copiesStored * bytesOfValues(laidOut);
}

export function bytesOfCall(graph: Graph): ModelBytes {
  const working = graph.nodes.reduce((most, node) => Math.max(most, workingBytes(node)), 0);
  return {
    stored: storedBytes(graph),
    call: bytesOfValues(graph.inputs) + graphCost(graph).peakBytes + working,
  };
}

/** What scoring with one model may take here. */
export interface ScoringMemory {
  /** Rows of one call that keep its values and its work within bounds; the same on every machine that gives scoring as much as a call may take. */
  readonly rowsPerCall: number;
  /** Whether what depends on no input takes no more than one row does, so that a runtime may as well compute it anew at each call. */
  readonly opensLightly: boolean;
  /**
   * Before a call on so many rows.
   * @throws JudgingError `model_too_large`, `model_too_slow`
   */
  check(rows: number): void;
}

/** What one call on some rows takes. */
interface CallCost extends ModelBytes {
  readonly work: Work;
  /** What opening the file takes. */
  readonly opening: Work;
}

function costOfCall(graph: FileGraph): CallCost {
  return { ...bytesOfCall(graph), work: workOf(graph.nodes), opening: workOf(graph.folded) };
}

/**
 * Works out from the shapes in a model's file, with nothing of it run or allocated, on how many rows it is run at once: a file of some bytes may
 * ask for more values than any machine holds, or for hours of products of a few.
 *
 * @param asked.model what the model is called in the error
 * @param asked.memoryMegabytes what the site gives to it; three quarters of the machine's when undefined
 * @param asked.mostRows most rows of a call
 * @throws OnnxError where the shapes do not follow from the file; JudgingError `model_too_large` where not even one row fits, `model_too_slow`
 *   where one row, or opening the file, takes more work than a row may
 */
export function scoringMemory(
  file: FileModel,
  asked: { readonly model: string; readonly memoryMegabytes?: number | undefined; readonly mostRows: number },
): ScoringMemory {
  const limitMegabytes = asked.memoryMegabytes ?? usualMemoryMegabytes();
  const graphAt = graphOfFile(file);
  const known = new Map<number, CallCost>();
  const costAt = (rows: number): CallCost => {
    const cost = known.get(rows) ?? costOfCall(graphAt(rows));
    known.set(rows, cost);
    return cost;
  };
  const checkWork = (work: Work, of: string): void => {
    const tooMuch = tooMuchWork(work);
    if (tooMuch === null) return;
    throw new JudgingError(
      'model_too_slow',
      `${of} ${asked.model} takes ${tooMuch}; it was not opened. Ask the consortium for a model with less to compute`,
      { model: asked.model, ...work },
    );
  };
  const check = (rows: number): void => {
    const { stored, call, work, opening } = costAt(rows);
    const neededMegabytes = Math.ceil((stored + call) / megabyte);
    if (neededMegabytes > limitMegabytes) {
      const shown = (megabytes: number): string => megabytes.toLocaleString('en-GB');
      throw new JudgingError(
        'model_too_large',
        `${asked.model} takes about ${shown(neededMegabytes)} MB of memory for ${rows === 1 ? 'one row' : `${rows} rows at once`}, and this site gives it ${shown(limitMegabytes)} MB (trainingMemoryMegabytes in site.yaml); it was not opened`,
        { model: asked.model, rows, neededMegabytes, limitMegabytes },
      );
    }
    checkWork(opening, 'opening');
    checkWork(timesWork(work, 1 / rows), 'computing with');
  };
  check(1);
  const most = Math.min(mostCallBytes, Math.max(0, limitMegabytes * megabyte - costAt(1).stored));
  // A call cannot be broken off: it may take as long as the slowest row.
  const excess = ({ call, work }: CallCost): number => Math.max(call / most, excessOf(work, mostWorkPerRow));
  let rows = asked.mostRows;
  for (let over = excess(costAt(rows)); rows > 1 && over > 1; over = excess(costAt(rows))) {
    rows = Math.max(1, 2 ** Math.floor(Math.log2(rows / over)));
  }
  const { work, opening } = costAt(1);
  const opensLightly = opening.multiplyAdds <= work.multiplyAdds && opening.elementOperations <= work.elementOperations;
  return { rowsPerCall: rows, opensLightly, check };
}
