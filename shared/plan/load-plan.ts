import type { z } from 'zod';
import { canonicalJson } from '../runtime/canonical.ts';
import { digestOf } from '../runtime/digest.ts';
import { deepFreeze } from '../runtime/freeze.ts';
import type { Digest } from '../runtime/ids.ts';
import { type Problem, pathText } from '../runtime/problem.ts';
import { parseWith } from '../runtime/schema-problems.ts';
import { parseYaml, type YamlSource } from '../runtime/yaml-source.ts';
import { planFindings } from './check-plan.ts';
import { policyFindings } from './check-policy.ts';
import type { Finding } from './finding.ts';
import { type Plan, planSchema } from './plan.ts';
import { PlanError, planErrorOf } from './plan-error.ts';
import { type Policy, policySchema } from './policy.ts';

/** Most bytes of a plan or policy, as written and in canonical form. */
export const maximumPlanBytes = 1024 * 1024;

/** A plan that was parsed and checked: frozen, every default filled in. */
export interface LoadedPlan {
  readonly plan: Plan;
  /** SHA-256 of `canonical`: the plan's name everywhere. */
  readonly digest: Digest;
  /** Canonical JSON (RFC 8785) of `plan`. */
  readonly canonical: string;
}

export interface LoadedPolicy {
  readonly policy: Policy;
  readonly digest: Digest;
  readonly canonical: string;
}

/** Every problem of `value` as a document of `schema`, or what is made of it. Cross-field checks run once the shape is right. */
function check<T>(
  { value: written, locate }: YamlSource,
  file: string,
  schema: z.ZodType<T>,
  findings: (value: T) => readonly Finding[],
): { value: T; canonical: string; digest: Digest } {
  const result = parseWith(schema, written, locate);
  if (!result.ok) throw planErrorOf(file, result.problems);
  const problems = findings(result.value).map(
    ({ path, message }): Problem => ({
      code: 'inconsistent',
      path: pathText(path),
      message,
      position: locate(path),
    }),
  );
  if (problems.length > 0) throw planErrorOf(file, problems);
  const canonical = canonicalJson(result.value);
  return { value: deepFreeze(result.value), canonical, digest: digestOf(canonical) };
}

function read(text: string, file: string): YamlSource {
  const parsed = parseYaml(text, maximumPlanBytes);
  if (!parsed.ok) throw planErrorOf(file, parsed.problems);
  return parsed.source;
}

/**
 * Parses a plan written by a person (YAML, or JSON, which is YAML), checks it and gives its canonical form and digest.
 * Key order, comments, line ends and the spelling of numbers do not change the digest; every figure that has a default is in it.
 * @param file name shown in errors
 * @throws PlanError with every problem found, each naming file, line, path, the value and what to do
 */
export function loadPlan(text: string, file: string): LoadedPlan {
  const { value, canonical, digest } = check(read(text, file), file, planSchema, planFindings);
  return { plan: value, digest, canonical };
}

/** Parses a policy written by a person; see `loadPlan`. @throws PlanError */
export function loadPolicy(text: string, file: string): LoadedPolicy {
  const { value, canonical, digest } = check(read(text, file), file, policySchema, (policy) =>
    policyFindings(policy, []),
  );
  return { policy: value, digest, canonical };
}

/**
 * Parses a plan that came over the wire. Only the canonical bytes are taken: two machines that hold
 * the same digest hold the same plan, with no room for a reading of their own.
 * @param expected the digest it is named by, checked before anything is parsed
 * @throws PlanError `digest_mismatch`, `not_canonical`, or as `loadPlan`
 */
export function parseCanonicalPlan(bytes: Uint8Array, expected?: Digest): LoadedPlan {
  if (bytes.byteLength > maximumPlanBytes) {
    throw new PlanError('too_large', `the plan has ${bytes.byteLength} bytes; the most is ${maximumPlanBytes}`);
  }
  const found = digestOf(bytes);
  if (expected !== undefined && found !== expected) {
    throw new PlanError('digest_mismatch', `the plan's bytes have the digest ${found}, not ${expected}`, {
      expected,
      found,
    });
  }
  let text: string;
  let written: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    written = JSON.parse(text);
  } catch (cause) {
    throw new PlanError('not_canonical', `plan ${found} is not JSON in UTF-8`, { digest: found }, [], cause);
  }
  const { value, canonical, digest } = check(
    { value: written, locate: () => null },
    `plan ${found.slice(0, 12)}`,
    planSchema,
    planFindings,
  );
  if (canonical !== text) {
    throw new PlanError(
      'not_canonical',
      `plan ${found} is not in canonical form, or leaves figures to defaults; its canonical digest is ${digest}`,
      { digest: found, canonicalDigest: digest },
    );
  }
  return { plan: value, digest, canonical };
}
