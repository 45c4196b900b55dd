import { opendir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImagePayload } from '../../../shared/plan/payload.ts';
import { DataError } from '../data-error.ts';
import { enterComputed, RunningFigures } from './computed-columns.ts';
import { decodeImage } from './decode-image.ts';
import { imageBytes, type Outcome } from './image-bytes.ts';
import type { PayloadReport, PayloadSource } from './payload-source.ts';
import type { PayloadTarget } from './payload-target.ts';

/** Files read and decoded at a time, on the four threads that Node has for it. */
const atOnce = 8;
const strangersNamed = 5;
/** Files of the folder that are looked through for ones without a row. */
const listedAtMost = 1_000_000;

/**
 * Reads the image of every row.
 * @throws DataError `image_folder_missing`, `image_library_missing`
 */
export async function readImages(
  payload: ImagePayload,
  source: Extract<PayloadSource, { kind: 'images' }>,
  target: PayloadTarget,
  known: { readonly refused: ReadonlySet<string>; readonly wholeSource: boolean },
  signal?: AbortSignal,
): Promise<PayloadReport> {
  const folder = await realFolder(source.folder);
  const size = payload.channels * payload.height * payload.width;
  for (let begin = 0; begin < target.rows; begin += atOnce) {
    signal?.throwIfAborted();
    const names = target.keys.slice(begin, begin + atOnce);
    const images = await Promise.all(names.map((name) => readImage(folder, name, payload)));
    for (const [place, image] of images.entries()) {
      const row = begin + place;
      const name = target.keys[row] as string;
      if ('rule' in image) {
        const where = image.shown === '' || image.shown === name ? undefined : image.shown;
        target.refuse(row, payload.file, image.rule, name, where);
      } else {
        target.values.set(image.value, row * size);
        compute(payload, target, row, image.value);
      }
    }
  }
  const strangers = known.wholeSource ? await filesWithoutRow(folder, new Set(target.keys), known.refused, signal) : [];
  return {
    withoutRow: strangers.length,
    firstWithoutRow: strangers.slice(0, strangersNamed),
    beyondEnd: 0,
    latestMinute: null,
    withoutKey: 0,
    outOfRange: new Map(),
    channels: [],
  };
}

async function realFolder(folder: string): Promise<string> {
  try {
    const real = await realpath(folder);
    if ((await stat(real)).isDirectory()) return real;
  } catch (cause) {
    throw new DataError(
      'image_folder_missing',
      `The image folder ${folder} is not there, or cannot be read. It is named in site.yaml under data.images.folder, or with --images.`,
      { file: folder },
      cause,
    );
  }
  throw new DataError('image_folder_missing', `${folder} is no folder.`, { file: folder });
}

async function readImage(folder: string, name: string, payload: ImagePayload): Promise<Outcome<Uint8Array>> {
  const bytes = await imageBytes(folder, name);
  return 'rule' in bytes ? bytes : decodeImage(bytes.value, payload);
}

function compute(payload: ImagePayload, target: PayloadTarget, row: number, image: Uint8Array): void {
  const pixels = payload.height * payload.width;
  for (const one of target.computed) {
    const figures = new RunningFigures();
    const begin = Number(one.summary.channel) * pixels;
    for (let at = begin; at < begin + pixels; at++) figures.add(image[at] as number);
    enterComputed(target, one, row, figures.figure(one.summary.by));
  }
}

/** Names of image files, by their endings, that no row names: they have no outcome, and are not read. In order of their names. */
async function filesWithoutRow(
  folder: string,
  named: ReadonlySet<string>,
  refused: ReadonlySet<string>,
  signal?: AbortSignal,
): Promise<string[]> {
  const found: string[] = [];
  const waiting = [''];
  let seen = 0;
  for (let inside = waiting.pop(); inside !== undefined; inside = waiting.pop()) {
    signal?.throwIfAborted();
    try {
      for await (const entry of await opendir(join(folder, inside))) {
        if (++seen > listedAtMost) return found.sort();
        const name = inside === '' ? entry.name : `${inside}/${entry.name}`;
        if (entry.isDirectory()) waiting.push(name);
        else if (/\.(png|jpe?g)$/i.test(entry.name) && !named.has(name) && !refused.has(name)) found.push(name);
      }
    } catch {
      // A folder that may not be read holds nothing that could be named either: its rows are refused one by one.
    }
  }
  return found.sort();
}
