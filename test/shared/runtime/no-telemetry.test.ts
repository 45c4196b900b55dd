import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));

describe('the telemetry of onnxruntime', () => {
  it('is switched off before the library is loaded, in every module that loads it', () => {
    const rooms = ['shared', 'certs', 'coordinator', 'site-agent', 'simulations', 'cli', 'bench'];
    const files = rooms.flatMap((room) =>
      readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => join(room, name)),
    );
    const loading = files.filter((file) =>
      /(from|import\()\s*'onnxruntime-node'/.test(readFileSync(join(root, file), 'utf8')),
    );
    expect(loading.length).toBeGreaterThan(0);
    for (const file of loading) {
      const imports = [...readFileSync(join(root, file), 'utf8').matchAll(/^import .*'(.*)';$/gm)].map(
        (match) => match[1],
      );
      expect(imports[0], file).toMatch(/shared\/runtime\/no-telemetry\.ts$/);
    }
  });

  it('writes neither device identifier, nor log, nor database when a model is opened', () => {
    const folder = mkdtempSync(join(tmpdir(), 'wardround-telemetry-'));
    try {
      const [home, temporary] = [join(folder, 'home'), join(folder, 'tmp')];
      mkdirSync(home);
      mkdirSync(temporary);
      const { ORT_DISABLE_TELEMETRY, ORT_TELEMETRY_DISABLED, ...environment } = process.env;
      expect([ORT_DISABLE_TELEMETRY, ORT_TELEMETRY_DISABLED]).toEqual(['1', '1']);
      // An empty model is refused, which is enough: the library starts before it looks at the model.
      const code = `
        import { createRequire } from 'node:module';
        if (process.argv[1] === 'off') await import('./shared/runtime/no-telemetry.ts');
        const { InferenceSession } = createRequire(process.cwd() + '/')('onnxruntime-node');
        await InferenceSession.create(new Uint8Array(8)).catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, 300));`;
      execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code, 'off'], {
        cwd: root,
        env: { ...environment, HOME: home, TMPDIR: temporary },
      });
      expect(readdirSync(home)).toEqual([]);
      expect(readdirSync(temporary).filter((name) => !name.startsWith('tsx'))).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
