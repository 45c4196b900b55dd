import { z } from 'zod';
import { type Policy, policySchema } from '../plan/policy.ts';
import { type Html, html } from './html.ts';
import { table } from './table.ts';

interface SchemaNode {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
}

export interface PolicyFigure {
  /** Path in the file, such as `auroc.margin`. */
  readonly path: string;
  readonly value: string;
  readonly meaning: string;
}

function valueText(value: unknown): string {
  if (value === null) return 'none';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(valueText).join(', ');
  return String(value);
}

/** Every figure of a policy with what it means, in the order of the format. */
export function policyFigures(policy: Policy): readonly PolicyFigure[] {
  const walk = (node: SchemaNode, value: unknown, path: string): readonly PolicyFigure[] => {
    if (node.properties === undefined) return [{ path, value: valueText(value), meaning: node.description ?? '' }];
    return Object.entries(node.properties).flatMap(([key, child]) =>
      walk(child, (value as Readonly<Record<string, unknown>>)[key], path === '' ? key : `${path}.${key}`),
    );
  };
  return walk(z.toJSONSchema(policySchema, { io: 'output' }) as SchemaNode, policy, '');
}

export function policyTable(policy: Policy): Html {
  return table({
    compact: true,
    columns: ['figure', 'value', 'meaning'],
    rows: policyFigures(policy).map(({ path, value, meaning }) => [
      html`<code>${path}</code>`,
      value,
      html`<span class="key">${meaning}</span>`,
    ]),
  });
}
