// Writes everything that is made from other files: JSON Schemas, docs/errors.md, the types of the wire.
// With --check nothing is written; it fails when a file is not what it would be.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateProtoTypes } from './generate-proto.ts';
import { generatedFiles } from './generated-files.ts';

const root = new URL('../', import.meta.url);
const check = process.argv.includes('--check');

function currentText(path: string): string | null {
  try {
    return readFileSync(new URL(path, root), 'utf8').replaceAll('\r\n', '\n');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
}

const changed: string[] = [];
for (const [path, text] of generatedFiles()) {
  if (currentText(path) === text) continue;
  changed.push(path);
  if (check) continue;
  const target = fileURLToPath(new URL(path, root));
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}
changed.push(...generateProtoTypes(check));

if (check && changed.length > 0) {
  process.stderr.write(`Out of date: ${changed.join(', ')}. Run: npm run generate\n`);
  process.exitCode = 1;
} else if (changed.length > 0) process.stdout.write(`Written: ${changed.join(', ')}\n`);
else process.stdout.write('Generated files are up to date.\n');
