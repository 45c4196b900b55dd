import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** PCI classes of displays and of processing accelerators. */
const classes = /^0x(?:03|12)/;

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

/**
 * The GPUs of this machine, and the version of NVIDIA's driver, as far as Linux tells: an engine's description does not name them all, and a
 * choice made on one GPU says nothing of another. Empty elsewhere.
 *
 * @param root of the file system
 */
export function graphicsHardware(root = '/'): readonly string[] {
  const devices = join(root, 'sys', 'bus', 'pci', 'devices');
  let names: readonly string[];
  try {
    names = readdirSync(devices).sort();
  } catch {
    names = [];
  }
  const found = names.flatMap((name) => {
    const part = (file: string): string => textOf(join(devices, name, file));
    return classes.test(part('class')) ? [`${part('vendor')}:${part('device')}`] : [];
  });
  const driver = textOf(join(root, 'proc', 'driver', 'nvidia', 'version')).split('\n')[0] ?? '';
  return driver === '' ? found : [...found, driver];
}
