import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** The calls of the interface that carries what is made from rows, from its source. */
function outboundCalls(): string[] {
  const body = /export interface FederationOutbound \{([\s\S]*?)\n\}/.exec(read('shared/wire/federation-port.ts'))?.[1];
  return [...(body ?? '').matchAll(/^ {2}([a-zA-Z]+)\(/gm)].map(([, name]) => name as string);
}

test('nothing at a site but egress makes the calls that send what is made from rows', () => {
  const calls = outboundCalls();
  expect(calls).toEqual([
    'uploadOffset',
    'writeObject',
    'submitSummary',
    'submitUpdate',
    'submitJudgement',
    'submitNotice',
    'decline',
  ]);
  const call = new RegExp(`(\\w+)\\.(?:${calls.join('|')})\\(`, 'g');
  const callers = readdirSync(join(root, 'site-agent'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...read(join('site-agent', file)).matchAll(call)].map(([found, on]) => ({ file, found, on })))
    // The agent declines through egress, whose own method bears the same name.
    .filter(({ on }) => on !== 'egress');
  expect([...new Set(callers.map(({ file }) => file))]).toEqual([join('egress', 'egress.ts')]);
  expect(new Set(callers.map(({ on }) => on))).toEqual(new Set(['outbound']));
});
