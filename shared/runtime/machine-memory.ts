import { totalmem } from 'node:os';

/** Bytes of memory of this machine, or of what this process is confined to, as by a container. */
export function machineMemoryBytes(): number {
  const confined = process.constrainedMemory();
  return confined > 0 ? Math.min(confined, totalmem()) : totalmem();
}
