import type { SiteName } from '../../shared/runtime/ids.ts';
import { type RandomStream, randomStream } from '../../shared/runtime/random.ts';
import { admissions, type DatedCohort, patientName, rowsOf } from './dated-cohort.ts';
import { greyPng } from './png.ts';
import type { SiteRows } from './site-rows.ts';

/** What differs between the hospitals' devices and patients. */
interface Device {
  /** Grey of the background, and of a shape above it. */
  readonly background: number;
  readonly contrast: number;
  /** Standard deviation of the grey of each pixel. */
  readonly noise: number;
  /** Mean number of shapes. */
  readonly shapes: number;
}

const devices: Readonly<Record<string, Device>> = {
  north: { background: 50, contrast: 120, noise: 10, shapes: 3 },
  east: { background: 70, contrast: 100, noise: 10, shapes: 3.3 },
  south: { background: 50, contrast: 90, noise: 18, shapes: 2.7 },
  west: { background: 40, contrast: 130, noise: 8, shapes: 3 },
};

export const imageSize = 20;
export const imageSites: readonly SiteName[] = Object.keys(devices) as SiteName[];
const mostShapes = 5;

/** A hospital's images and, what no hospital knows, the number of shapes in each. */
export interface ImageRows extends SiteRows {
  readonly shapes: readonly number[];
}

interface Disc {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/** Discs that do not touch; one that finds no place after many tries is left out. */
function placeDiscs(wanted: number, stream: RandomStream): Disc[] {
  const discs: Disc[] = [];
  for (let tries = 0; discs.length < wanted && tries < 500; tries++) {
    const radius = 1.5 + stream.uniform();
    const within = (): number => radius + stream.uniform() * (imageSize - 1 - 2 * radius);
    const disc = { x: within(), y: within(), radius };
    const free = discs.every((one) => Math.hypot(one.x - disc.x, one.y - disc.y) > one.radius + radius + 1);
    if (free) discs.push(disc);
  }
  return discs;
}

function paint(discs: readonly Disc[], device: Device, stream: RandomStream): Uint8Array {
  const pixels = new Uint8Array(imageSize * imageSize);
  for (let y = 0; y < imageSize; y++) {
    for (let x = 0; x < imageSize; x++) {
      const inside = discs.some((disc) => Math.hypot(disc.x - x, disc.y - y) <= disc.radius);
      const grey = device.background + (inside ? device.contrast : 0) + device.noise * stream.normal();
      pixels[y * imageSize + x] = Math.min(255, Math.max(0, Math.round(grey)));
    }
  }
  return pixels;
}

function drawSite(site: SiteName, cohort: DatedCohort, seed: number): ImageRows {
  const device = devices[site] as Device;
  const count = rowsOf(cohort, site);
  const stream = randomStream(seed, 'shape images', site);
  const files = new Map<string, Uint8Array>();
  const shapes: number[] = [];
  const rows = admissions(cohort, count, stream).map((taken, index) => {
    const patient = patientName(site, index, count);
    const wanted = Math.round(device.shapes + 1.3 * stream.normal());
    const discs = placeDiscs(Math.min(mostShapes, Math.max(1, wanted)), stream);
    const file = `${patient}.png`;
    files.set(file, greyPng(imageSize, imageSize, paint(discs, device, stream)));
    shapes.push(discs.length);
    const risk = 1 / (1 + Math.exp(-2 * (discs.length - 3)));
    return [patient, taken, file, stream.uniform() < risk ? '1' : '0'];
  });
  return {
    site,
    header: ['patient', 'admitted', 'file', 'abnormal'],
    rows,
    images: { column: 'file', files },
    shapes,
  };
}

/**
 * Small grey images of bright discs from four invented hospitals; the more discs, the likelier the finding. Their devices differ in
 * brightness, contrast and noise, their patients in how many discs there are. The same seed gives the same files.
 */
export function generateImageCohort(cohort: DatedCohort, seed: number): ImageRows[] {
  return imageSites.map((site) => drawSite(site, cohort, seed));
}
