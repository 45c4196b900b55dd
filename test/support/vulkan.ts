import { existsSync } from 'node:fs';
import { vi } from 'vitest';

/**
 * A Vulkan driver for tests of the WebGPU provider, named by WARDROUND_TEST_VULKAN, such as Chromium's software one. The loader reads its own variable
 * when the first device is looked for, so this module comes before any training.
 */
export const vulkanDriver: string | null = (() => {
  const file = process.env.WARDROUND_TEST_VULKAN;
  if (file === undefined || file === '') return null;
  if (!existsSync(file)) throw new Error(`WARDROUND_TEST_VULKAN names ${file}, which does not exist`);
  process.env.VK_DRIVER_FILES = file;
  // A device in software, on a machine that has other work, takes half a minute for what a processor does in a tenth of a second.
  vi.setConfig({ testTimeout: 400_000 });
  return file;
})();
