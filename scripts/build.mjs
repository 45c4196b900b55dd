// Compiles the product to dist/ and puts beside it the files it reads at run time.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
rmSync('dist', { recursive: true, force: true });
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '--project', 'tsconfig.build.json'], {
  stdio: 'inherit',
});
// The same relative paths hold in the source tree and in dist.
for (const folder of ['proto', 'schemas', 'simulations/scenarios']) {
  if (existsSync(folder))
    cpSync(folder, `dist/${folder}`, { recursive: true, filter: (path) => !path.endsWith('.ts') });
}
cpSync('package.json', 'dist/package.json');
chmodSync('dist/cli/main.js', 0o755);
