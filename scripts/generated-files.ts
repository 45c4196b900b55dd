import { coordinatorConfigSchema } from '../coordinator/config.ts';
import { jsonSchemaOf, planFormats } from '../shared/plan/schemas.ts';
import { scenarioSchema } from '../simulations/scenario.ts';
import { siteConfigSchema } from '../site-agent/config.ts';
import { errorCatalogues } from './error-catalogues.ts';
import { errorsPage } from './errors-page.ts';

/** File formats a person writes, by name: `schemas/NAME.schema.json`. */
const formats = {
  ...planFormats,
  coordinator: { schema: coordinatorConfigSchema, title: 'Wardround coordinator configuration (coordinator.yaml)' },
  site: { schema: siteConfigSchema, title: 'Wardround site agent configuration (site.yaml)' },
  scenario: { schema: scenarioSchema, title: 'Wardround simulation scenario' },
};

/** Text of every file that is made from the schemas and catalogues, by path from the root. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [name, { schema, title }] of Object.entries(formats)) {
    files.set(`schemas/${name}.schema.json`, `${JSON.stringify(jsonSchemaOf(schema, title), null, 2)}\n`);
  }
  files.set('docs/errors.md', errorsPage(errorCatalogues));
  return files;
}
