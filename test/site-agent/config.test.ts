import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ConfigError } from '../../shared/runtime/config-error.ts';
import { readSiteConfig, siteConfigTemplate } from '../../site-agent/config.ts';
import { temporaryDirectory } from '../support/heart-site.ts';

let folder: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  folder = temporaryDirectory();
});
afterEach(() => folder.remove());

const read = (text: string, env: Record<string, string> = {}) => {
  writeFileSync(join(folder.path, 'site.yaml'), text);
  return readSiteConfig(folder.path, env);
};
async function refusal(text: string, env: Record<string, string> = {}): Promise<ConfigError> {
  const error = await read(text, env).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return error as ConfigError;
}
const minimal = 'wardround: site/1\ndata:\n  query: SELECT 1\n';

describe('site.yaml', () => {
  it('the template is valid and says the defaults', async () => {
    const config = await read(siteConfigTemplate);
    expect(config).toMatchObject({ engine: 'auto', approval: 'manual', minimumRows: 20, logLevel: 'info' });
    const { data: _, ...defaults } = await read(minimal);
    const { data: __, scoring, ...written } = config;
    expect(written).toEqual(defaults);
    // A site enrolled from now on watches its models; one from before goes on as it did.
    expect(scoring).toEqual({ everyMinutes: 1440 });
  });

  it('the commented settings of the template are valid when uncommented', async () => {
    const uncommented = siteConfigTemplate
      .replace('  units: {}', '  units:')
      .replaceAll(/^ {2}#( {2}(age|chol): )/gm, '  $1')
      .replace(/# holdout: (\{ share[^#]*)#.*/, 'holdout: $1')
      .replace('# memoryMegabytes', 'memoryMegabytes')
      .replace('# threads', 'threads')
      .replace('# policyFile', 'policyFile');
    const config = await read(uncommented);
    expect(config.data.units).toEqual({ age: 'years', chol: 'mg/dL' });
    expect(config.data.holdout).toEqual({ share: 0.3, seed: 1 });
    expect(config.policyFile).toBe('policy.yaml');
    expect(parse(uncommented).data.memoryMegabytes).toBe(1024);
  });

  it.each([
    ['an unknown key', `${minimal}aproval: manual\n`, 'unknown_key', 'aproval'],
    ['a value outside its range', `${minimal}minimumRows: 0\n`, 'invalid_value', 'minimumRows'],
    ['a word that is none', `${minimal}approval: yes please\n`, 'invalid_value', 'approval'],
    ['no query', 'wardround: site/1\ndata: {}\n', 'invalid_value', 'data'],
    ['both queries', `${minimal}  queryFile: q.sql\n`, 'invalid_value', 'data'],
    ['broken YAML', 'wardround: [', 'yaml_syntax', ''],
  ])('%s is refused by file and path', async (_, text, code, path) => {
    const error = await refusal(text);
    expect(error.code).toBe(code);
    expect(error.message).toContain('site.yaml');
    expect(error.details.path).toContain(path);
  });

  it('not_found without a file', async () => {
    await expect(readSiteConfig(folder.path, {})).rejects.toMatchObject({ code: 'not_found' });
  });

  it('a variable of the environment takes the place of a value', async () => {
    expect((await read(minimal, { WARDROUND_SITE__LOG_LEVEL: 'debug' })).logLevel).toBe('debug');
    expect((await read(minimal, { WARDROUND_SITE__DATA__THREADS: '3' })).data.threads).toBe(3);
    expect((await read(minimal, { WARDROUND_SITE: '/elsewhere' })).logLevel).toBe('info');
    expect((await refusal(minimal, { WARDROUND_SITE__NO_SUCH: '1' })).code).toBe('unknown_key');
  });
});
