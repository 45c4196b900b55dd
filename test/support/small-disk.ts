import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of 3 MiB in memory; null where this user may not mount one. Ended with `removeSmallDisk`. */
export function smallDisk(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-full-'));
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', folder], { stdio: 'ignore' });
    return folder;
  } catch {
    rmSync(folder, { recursive: true, force: true });
    return null;
  }
}

export function removeSmallDisk(folder: string): void {
  execFileSync('/bin/umount', ['-l', folder], { stdio: 'ignore' });
  rmSync(folder, { recursive: true, force: true });
}
