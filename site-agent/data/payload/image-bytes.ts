import { constants } from 'node:fs';
import { type FileHandle, lstat, open, realpath } from 'node:fs/promises';
import { isAbsolute, join, sep, win32 } from 'node:path';
import type { ProblemRule } from '../problems.ts';

/** No image of at most 1024 x 1024 pixels needs more, whatever else is in its file. */
const mostBytes = 32 * 1024 * 1024;

export type Outcome<Value> = { readonly value: Value } | { readonly rule: ProblemRule; readonly shown: string };

/** A name relative to the folder, with / between folders; nothing that could mean another place on any system. */
function isPlainName(name: string): boolean {
  if (name === '' || name.length > 1024 || /[\\\0]/.test(name)) return false;
  if (isAbsolute(name) || win32.isAbsolute(name) || /^[A-Za-z]:/.test(name)) return false;
  return name.split('/').every((step) => step !== '' && step !== '.' && step !== '..');
}

const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException | null)?.code ?? '');

/** Where letters with marks are written otherwise than in the name, as some systems do: looks the same, and is another file. */
async function otherForm(folder: string, name: string): Promise<string> {
  for (const form of ['NFC', 'NFD'] as const) {
    const other = name.normalize(form);
    if (other === name) continue;
    const found = await lstat(join(folder, other)).catch(() => null);
    if (found !== null) return `there is one whose letters with marks are written in the form ${form} of Unicode`;
  }
  return name;
}

/**
 * The bytes of a file inside a folder. Links inside the folder are followed as long as they stay inside; pipes and devices are not opened.
 * @param folder real path of the folder
 */
export async function imageBytes(folder: string, name: string): Promise<Outcome<Buffer>> {
  if (!isPlainName(name)) return { rule: 'image_name', shown: name };
  let file: FileHandle | null = null;
  try {
    const path = await realpath(join(folder, name));
    if (!path.startsWith(folder.endsWith(sep) ? folder : folder + sep)) return { rule: 'image_outside', shown: name };
    // A pipe would wait for its other end; a link put there meanwhile is not followed.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0));
    const found = await file.stat();
    if (!found.isFile()) return { rule: 'image_unreadable', shown: name };
    if (found.size > mostBytes) return { rule: 'image_too_large', shown: name };
    const bytes = Buffer.allocUnsafe(found.size);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return { value: bytes.subarray(0, length) };
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return { rule: 'image_missing', shown: await otherForm(folder, name) };
    if (code === '') throw error;
    return { rule: 'image_unreadable', shown: name };
  } finally {
    await file?.close();
  }
}
