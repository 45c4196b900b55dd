import type { z } from 'zod';
import { OnnxError } from '../graph/onnx-read/onnx-error.ts';
import { canonicalJson } from '../runtime/canonical.ts';
import { digestOf } from '../runtime/digest.ts';
import { deepFreeze } from '../runtime/freeze.ts';
import type { Digest } from '../runtime/ids.ts';
import { type Problem, pathText, problemsText } from '../runtime/problem.ts';
import { parseWith } from '../runtime/schema-problems.ts';
import { parseYaml, type YamlSource } from '../runtime/yaml-source.ts';
import { planFindings } from './check-plan.ts';
import { policyFindings } from './check-policy.ts';
import type { Finding } from './finding.ts';
import { type ReadBeside, withModelFile } from './model-file.ts';
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
  /** Weights of the plan's ONNX file as safetensors, the object `plan.model.weights` names. Only where the file was read. */
  readonly baseWeights?: Uint8Array;
}

export interface LoadedPolicy {
  readonly policy: Policy;
  readonly digest: Digest;
  readonly canonical: string;
}

function inconsistencies(found: readonly Finding[], locate: YamlSource['locate']): Problem[] {
  return found.map(({ path, message }) => ({
    code: 'inconsistent',
    path: pathText(path),
    message,
    position: locate(path),
  }));
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
  const problems = inconsistencies(findings(result.value), locate);
  if (problems.length > 0) throw planErrorOf(file, problems);
  const canonical = canonicalJson(result.value);
  return { value: deepFreeze(result.value), canonical, digest: digestOf(canonical) };
}

function read(text: string, file: string): YamlSource {
  const parsed = parseYaml(text, maximumPlanBytes);
  if (!parsed.ok) throw planErrorOf(file, parsed.problems);
  return parsed.source;
}

/** A plan that is complete: its network stands in it, and a name of a file does not. */
function completeFindings(plan: Plan): Finding[] {
  const findings = planFindings(plan);
  const { model } = plan;
  if (model.family !== 'onnx') return findings;
  if (model.network === undefined || model.weights === undefined) {
    findings.push({
      path: ['model', 'file'],
      message:
        'the network is not in the plan: an ONNX file is read where the plan is loaded from its own file (plan check, run start), which puts model.network and model.weights in its place',
    });
  } else if (model.file !== undefined) {
    findings.push({
      path: ['model', 'file'],
      message: 'a plan has either the name of a file or the network read from it; remove one',
    });
  }
  return findings;
}

/** Puts the network of the plan's ONNX file into the plan. @throws PlanError `model_refused`, or as `loadPlan` */
function resolveModel(
  source: YamlSource,
  file: string,
  readBeside: ReadBeside,
): { readonly plan: Plan; readonly baseWeights: Uint8Array } | null {
  const result = parseWith(planSchema, source.value, source.locate);
  if (!result.ok) throw planErrorOf(file, result.problems);
  const { model } = result.value;
  if (model.family !== 'onnx' || model.file === undefined || model.network !== undefined) return null;
  const problems = inconsistencies(planFindings(result.value), source.locate);
  if (problems.length > 0) throw planErrorOf(file, problems);
  try {
    return withModelFile(result.value, model.file, readBeside);
  } catch (cause) {
    if (!(cause instanceof OnnxError)) throw cause;
    const path = ['model', 'file'];
    const problem: Problem = {
      code: 'inconsistent',
      path: pathText(path),
      message: `${model.file} is refused (${cause.fullCode}): ${cause.message}`,
      position: source.locate(path),
    };
    throw new PlanError(
      'model_refused',
      problemsText(file, [problem]),
      { file, path: problem.path, line: problem.position?.line ?? null, onnx: cause.code },
      [problem],
      cause,
    );
  }
}

/**
 * Parses a plan written by a person (YAML, or JSON, which is YAML), checks it and gives its canonical form and digest.
 * Key order, comments, line ends and the spelling of numbers do not change the digest; every figure that has a default is in it.
 * @param file name shown in errors
 * @param readBeside reads the ONNX file a plan may name, see `filesBeside`; without it such a plan is refused
 * @throws PlanError with every problem found, each naming file, line, path, the value and what to do
 */
export function loadPlan(text: string, file: string, readBeside?: ReadBeside): LoadedPlan {
  const source = read(text, file);
  const resolved = readBeside === undefined ? null : resolveModel(source, file, readBeside);
  const whole = resolved === null ? source : { value: resolved.plan, locate: source.locate };
  const { value, canonical, digest } = check(whole, file, planSchema, completeFindings);
  if (resolved === null) return { plan: value, digest, canonical };
  if (Buffer.byteLength(canonical) > maximumPlanBytes) {
    throw new PlanError(
      'too_large',
      `${file}: with the network of its ONNX file the plan has ${Buffer.byteLength(canonical)} bytes; the most is ${maximumPlanBytes}`,
      { file },
    );
  }
  return { plan: value, digest, canonical, baseWeights: resolved.baseWeights };
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
    completeFindings,
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
