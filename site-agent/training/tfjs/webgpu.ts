import { pathToFileURL } from 'node:url';
import type { TfjsLibrary } from '../tfjs-library.ts';
import { DeviceLostError } from './runtime-errors.ts';
import type { StartedBackend } from './started-backend.ts';
import { mendWebgpuProducts } from './webgpu-products.ts';

/** What is used of the package `webgpu`, Dawn for Node. */
interface Dawn {
  create(flags: string[]): { requestAdapter(): Promise<Adapter | null> };
  readonly globals: Record<string, unknown>;
}

interface Adapter {
  readonly info: {
    readonly vendor: string;
    readonly architecture: string;
    readonly device: string;
    readonly description: string;
  };
  readonly limits: Readonly<Record<string, number>>;
  readonly features: ReadonlySet<string>;
  requestDevice(wanted: { requiredLimits: Record<string, number>; requiredFeatures: string[] }): Promise<Device>;
}

interface Device {
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  addEventListener(
    type: 'uncapturederror',
    listener: (event: { readonly error: { readonly message: string }; preventDefault(): void }) => void,
  ): void;
}

/** What is used of `@tensorflow/tfjs-backend-webgpu`. */
interface WebgpuPackage {
  readonly WebGPUBackend: new (device: unknown, adapterInfo: unknown) => unknown;
}

/** Limits of a device that are nothing like the adapter's unless they are asked for. */
const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
];

const imported = async <Module>(from: NodeJS.Require, name: string): Promise<Module> => {
  const loaded = (await import(pathToFileURL(from.resolve(name)).href)) as Module & { default?: Module };
  return loaded.default ?? loaded;
};

/** The process's one device: a second backend of the same name would be a second copy of everything on it. */
let opened: Promise<StartedBackend> | undefined;

/**
 * Opens any vendor's GPU through Vulkan, Metal or Direct3D 12: the packages `webgpu` and `@tensorflow/tfjs-backend-webgpu`.
 * @param from looks the packages up, and the core that the second of them uses
 * @throws when they are not installed, or there is no driver
 */
export function openWebgpu(from: NodeJS.Require): Promise<StartedBackend> {
  opened ??= start(from).catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

/**
 * The library asks `navigator.gpu` whether there is WebGPU. Node has none, and another library would take a process with it for a
 * browser; so it is there only while the backend starts.
 */
async function withNavigator<Result>(gpu: unknown, work: () => Promise<Result>): Promise<Result> {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'node' }, configurable: true });
  try {
    return await work();
  } finally {
    if (before === undefined) Reflect.deleteProperty(globalThis, 'navigator');
    else Object.defineProperty(globalThis, 'navigator', before);
  }
}

/** Held for the life of the process: when it is collected, its devices are lost. */
let gpu: ReturnType<Dawn['create']> | undefined;

async function start(from: NodeJS.Require): Promise<StartedBackend> {
  const dawn = await imported<Dawn>(from, 'webgpu');
  from.resolve('@tensorflow/tfjs-backend-webgpu');
  // The constants of WebGPU, such as GPUBufferUsage, which the library reads as globals.
  for (const [name, value] of Object.entries(dawn.globals)) {
    if (!Object.hasOwn(globalThis, name))
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  gpu ??= dawn.create([]);
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error('there is no WebGPU adapter: on Linux a Vulkan driver is needed');
  const requiredLimits = Object.fromEntries(
    wantedLimits.flatMap((name) => {
      const limit = adapter.limits[name];
      return limit === undefined ? [] : [[name, limit]];
    }),
  );
  const device = await adapter.requestDevice({ requiredLimits, requiredFeatures: [] });
  const failures: string[] = [];
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault();
    failures.push(event.error.message);
  });
  let lost: string | undefined;
  void device.lost.then(({ reason, message }) => {
    lost = message || reason;
  });
  const library = await imported<TfjsLibrary>(from, '@tensorflow/tfjs-core');
  const { WebGPUBackend } = await imported<WebgpuPackage>(from, '@tensorflow/tfjs-backend-webgpu');
  library.registerBackend('webgpu', () => new WebGPUBackend(device, adapter.info) as never);
  if (!(await withNavigator(gpu, () => library.setBackend('webgpu'))))
    throw new Error('the backend webgpu did not start');
  await library.ready();
  mendWebgpuProducts(library);
  const { vendor, architecture, device: name, description } = adapter.info;
  const takeFailure = (): Error | null => {
    // What came of it says nothing.
    if (lost !== undefined) return new DeviceLostError(lost);
    // One failure brings others in its wake; the first says what happened.
    const [first] = failures.splice(0);
    return first === undefined ? null : new Error(first);
  };
  return {
    library,
    registered: 'webgpu',
    takeFailure,
    runsOn: [vendor, architecture, description || name].filter(Boolean).join(' '),
  };
}
