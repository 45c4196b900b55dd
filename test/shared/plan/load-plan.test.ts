import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadPlan, loadPolicy, maximumPlanBytes, parseCanonicalPlan } from '../../../shared/plan/load-plan.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { Digest } from '../../../shared/runtime/ids.ts';
import { refusal } from '../../support/plan-refusal.ts';
import { heartPlan } from '../../support/plans.ts';

const file = 'plan.yaml';
const text = readFileSync(new URL('../../support/heart-plan.yaml', import.meta.url), 'utf8');
// python3 test/shared/plan/plan-digest.py
const digest = '40ead87f6c688af7ef4067b3973622998356642c6af0cb825566915d5ddb1937';

/** The only problem of the plan after the edit, as `code path line: message`. */
function problemAfter(from: string | RegExp, to: string): string {
  const edited = text.replace(from, to);
  expect(edited).not.toBe(text);
  const { problems, code } = refusal(() => loadPlan(edited, file));
  expect(problems.map((problem) => problem.message)).toHaveLength(1);
  const [problem] = problems;
  expect(code).toBe(problem?.code);
  return `${problem?.code} ${problem?.path} ${problem?.position?.line}: ${problem?.message}`;
}

/** The same value with the keys of every object in reverse order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

/** Time this process has computed for: other programs on the machine do not count. */
function computedMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

describe('the digest of a plan', () => {
  it('is the one computed without our code', () => {
    expect(loadPlan(text, file).digest).toBe(digest);
  });

  it('is the SHA-256 of the canonical form', () => {
    const loaded = loadPlan(text, file);
    expect(digestOf(loaded.canonical)).toBe(digest);
  });

  it.each<[string, string]>([
    [
      'comments and empty lines',
      `\n# note\n${text.replaceAll('\n', '\n\n')}`.replace('purpose: >\n\n', 'purpose: >\n'),
    ],
    ['line ends of Windows', text.replaceAll('\n', '\r\n')],
    ['a byte order mark', `\ufeff${text}`],
    [
      'the spelling of numbers',
      text.replace('1e-2', '0.010').replace('0.0001', '1.0E-4').replace('rounds: 10', 'rounds: 0xA'),
    ],
    ['key order and JSON instead of YAML', JSON.stringify(reversed(parse(text)), null, 2)],
    [
      'a default written out',
      text.replace('missing: indicator', 'missing: indicator').replace('batch: 32', 'batch: 32.0'),
    ],
    ['defaults written out', text.replace('gate:', 'gate:\n  holdDays: 90\n  auroc: { floor: 0.70 }')],
  ])('does not change with %s', (_, other) => {
    expect(other).not.toBe(text);
    expect(loadPlan(other, file).digest).toBe(digest);
  });

  it.each<[string, string, string]>([
    ['the seed', 'seed: 7', 'seed: 8'],
    ['the order of columns', 'edges: [40, 50, 55, 60, 70]', 'edges: [40, 50, 55, 60, 71]'],
    ['a figure of the gate', 'gate:', 'gate:\n  holdDays: 91'],
    ['the case of a unit', 'unit: mm', 'unit: MM'],
  ])('changes with %s', (_, from, to) => {
    expect(loadPlan(text.replace(from, to), file).digest).not.toBe(digest);
  });

  it('is one for all plans with the same meaning, whatever helper made them', () => {
    const plan = heartPlan();
    expect(loadPlan(JSON.stringify(plan), file).plan).toEqual(plan);
  });
});

describe('loadPlan', () => {
  it('fills in every default and freezes the plan all the way down', () => {
    const { plan } = loadPlan(text, file);
    expect(plan.gate.shift).toEqual({ falseDiscoveryRate: 0.05, psi: 0.2, onFound: 'report', onUnitChange: 'hold' });
    expect(plan.federation.graceSeconds).toBe(0);
    expect(() => {
      (plan.data.columns[0] as { name: string }).name = 'other';
    }).toThrow(TypeError);
    expect(() => plan.data.columns.push(plan.data.columns[0] as never)).toThrow(TypeError);
  });

  it('takes numeric looking labels in quotes, and says so when they have none', () => {
    expect(problemAfter("['0', '1']", "[0, '1']")).toBe(
      'invalid_value data.label.levels[0] 21: must be text, found 0; put it in quotes: "0"',
    );
  });

  it.each<[string, string | RegExp, string, string]>([
    [
      'an unknown key, with the nearest known one',
      'weightCap',
      'weigthCap',
      'unknown_key federation.weigthCap 43: unknown key; did you mean weightCap?',
    ],
    [
      'an unknown key near none',
      'rounds: 10',
      'rounds: 10\n  frobnicate: true',
      'unknown_key federation.frobnicate 41: unknown key; known here: strategy, rounds, sites, roundDeadlineSeconds, graceSeconds, retries, weightCap, maximumDeltaNorm, minimumCount, judgementDeadlineSeconds, sharing',
    ],
    ['a missing key', '      unit: mm\n', '', 'missing_key data.columns[2].unit 14: is missing; write text here'],
    ['a wrong type', 'rounds: 10', 'rounds: ten', 'invalid_value federation.rounds 40: must be a number, found "ten"'],
    [
      'a fraction',
      'rounds: 10',
      'rounds: 2.5',
      'invalid_value federation.rounds 40: must be a whole number, found 2.5',
    ],
    [
      'a value below its range',
      'rounds: 10',
      'rounds: 0',
      'invalid_value federation.rounds 40: must be at least 1, found 0',
    ],
    [
      'an infinite number',
      'rate: 1e-2',
      'rate: .inf',
      'invalid_value training.optimiser.rate 32: must be a number, found Infinity',
    ],
    ['NaN', 'l2: 0.0001', 'l2: .nan', 'invalid_value training.l2 35: must be a number, found NaN'],
    [
      'a bound that is not inside',
      'rate: 1e-2',
      'rate: 0',
      'invalid_value training.optimiser.rate 32: must be more than 0, found 0',
    ],
    [
      'a word that is not on the list',
      'missing: indicator',
      'missing: indicater',
      'invalid_value data.columns[2].missing 19: must be one of forbid, impute, indicator, found "indicater"; did you mean indicator?',
    ],
    [
      'a kind that is not on the list',
      'kind: binary',
      'kind: binery',
      'invalid_value task.kind 6: must be one of binary, multiclass, ordinal, regression, survival, found "binery"; did you mean binary?',
    ],
    [
      'no kind',
      'kind: binary',
      '',
      'missing_key task.kind 6: is missing; must be one of binary, multiclass, ordinal, regression, survival',
    ],
    [
      'a date that is none',
      '2024-01-01',
      '2024-02-30',
      'invalid_value data.trainingCutoff 24: must be a date such as 2024-12-31, found "2024-02-30"',
    ],
    [
      'a column name SQL would have to quote',
      'name: age,',
      'name: "a;b",',
      'invalid_value data.columns[0].name 10: must be a plain column name: a letter or _, then letters, digits or _, found "a;b"',
    ],
    [
      'an escape sequence in words people read',
      'name: women',
      'name: "wo\\e[2Jmen"',
      'invalid_value data.subgroups[0].name 26: must not hold line ends, control characters or direction overrides, found "wo\\u001b[2Jmen"',
    ],
    [
      'a list of the wrong length',
      'range: [-4, 10]',
      'range: [-4, 10, 12]',
      'invalid_value data.columns[2].range 18: must have at most 2 items, found [-4,10,12]',
    ],
    [
      'both kinds of a subgroup at once',
      'level: female }',
      'level: female, atLeast: 3 }',
      'unknown_key data.subgroups[0].atLeast 26: unknown key; known here: name, column, level',
    ],
    [
      'two amounts of work',
      'work: { epochs: 1 }',
      'work: { epochs: 1, steps: 2 }',
      'unknown_key training.work.steps 34: unknown key; known here: epochs',
    ],
    ['another version of the format', 'plan/1', 'plan/2', 'invalid_value wardround 2: must be plan/1, found "plan/2"'],
  ])('refuses %s', (_, from, to, problem) => {
    expect(problemAfter(from, to)).toBe(problem);
  });

  it('reports all problems at once, in one message with file, line and column', () => {
    const broken = text
      .replace('rounds: 10', 'rounds: 0')
      .replace('seed: 7', 'sead: 7')
      .replace('unit: years', 'unit: 3');
    const error = refusal(() => loadPlan(broken, 'plans/heart.yaml'));
    expect(error.message.split('\n')).toEqual([
      'plans/heart.yaml:10:44: data.columns[0].unit: must be text, found 3; put it in quotes: "3"',
      'plans/heart.yaml:36:3: training.sead: unknown key; did you mean seed?',
      'plans/heart.yaml:40:11: federation.rounds: must be at least 1, found 0',
    ]);
    expect(error.details).toEqual({ file: 'plans/heart.yaml', path: 'data.columns[0].unit', line: 10, problems: 3 });
    expect(error.advice).toBe('fix');
  });

  it('reports contradictions with their place', () => {
    expect(problemAfter('level: female', 'level: femael')).toBe(
      'inconsistent data.subgroups[0].level 26: column sex has no level "femael"; its levels are female, male',
    );
  });

  it('keeps a broken file of thousands of problems readable', () => {
    const keys = Array.from({ length: 5000 }, (_, index) => `q${index}: 1\n`).join('');
    const error = refusal(() => loadPlan(text + keys, file));
    expect(error.problems).toHaveLength(5000);
    expect(error.message.split('\n').length).toBe(51);
    expect(error.message).toMatch(/\.\.\. and \d+ more$/);
  });

  it.each<[string, string, string]>([
    ['nothing', '', 'the file is empty'],
    ['white space', ' \n\n', 'the file is empty'],
    ['comments only', '# nothing here\n', 'the file is empty'],
    ['null', 'null\n', 'the file is empty'],
    ['text after a quote', 'name: "a" b\n', 'not readable as YAML'],
    ['an open bracket', 'name: [a, b\n', 'not readable as YAML'],
    ['a tab as indentation', 'task:\n\tkind: binary\n', 'not readable as YAML'],
    ['two documents', `${text}---\n${text}`, 'several documents'],
    ['an alias', 'name: &n heart\npurpose: *n\n', 'anchors (&name) and aliases (*name) are not taken'],
    ['an unresolved tag', 'name: !!js/function "x"\n', 'not readable as YAML'],
    ['a key that is a list', '? [a, b]\n: 1\n', 'not readable as YAML'],
    ['nesting of 100 levels', `${'['.repeat(100)}1${']'.repeat(100)}`, 'nested more than 64 levels deep'],
  ])('refuses %s as YAML', (_, broken, message) => {
    const error = refusal(() => loadPlan(broken, file));
    expect(error.code).toBe('yaml_syntax');
    expect(error.message).toContain(message);
    expect(error.message.startsWith(file)).toBe(true);
  });

  it('survives nesting without end', () => {
    const error = refusal(() => loadPlan('['.repeat(500_000), file));
    expect(error.code).toBe('yaml_syntax');
  });

  it('refuses a key written twice, and says where the second stands', () => {
    const error = refusal(() => loadPlan(text.replace('batch: 32', 'batch: 32\n  batch: 64'), file));
    expect(error.code).toBe('duplicate_key');
    expect(error.message).toBe(
      'plan.yaml:34:3: batch: this key is written twice in the same place; remove one of them',
    );
  });

  it('refuses aliases that would expand without bound, at once', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let at = 1; at < 12; at++)
      lines.push(
        `a${at}: &a${at} [${Array(10)
          .fill(`*a${at - 1}`)
          .join(', ')}]`,
      );
    const started = process.cpuUsage();
    expect(refusal(() => loadPlan(lines.join('\n'), file)).code).toBe('yaml_syntax');
    expect(computedMs(started)).toBeLessThan(1000);
  });

  it('refuses a megabyte of wrong keys, or of nesting in canonical form, in a moment', () => {
    const keys = `${text}${Array.from({ length: 100_000 }, (_, index) => `q${index}: 1`).join('\n')}`;
    const started = process.cpuUsage();
    expect(refusal(() => loadPlan(keys, file)).problems).toHaveLength(100_000);
    const deep = new TextEncoder().encode(`{"wardround":${'['.repeat(500_000)}${']'.repeat(500_000)}}`);
    expect(refusal(() => parseCanonicalPlan(deep)).code).toMatch(/invalid_value|missing_key|not_canonical/);
    expect(computedMs(started)).toBeLessThan(20_000);
  });

  it('refuses a file beyond the limit before it parses it', () => {
    const error = refusal(() => loadPlan('x'.repeat(maximumPlanBytes + 1), file));
    expect(error.code).toBe('too_large');
    expect(error.message).toContain(`${maximumPlanBytes + 1} bytes`);
  });

  it('counts bytes, not characters', () => {
    expect(refusal(() => loadPlan('é'.repeat(maximumPlanBytes / 2 + 1), file)).code).toBe('too_large');
  });

  it.each(['[]', '3', '"plan"', 'true'])('refuses %s as the whole of a plan', (whole) => {
    const error = refusal(() => loadPlan(whole, file));
    expect(error.code).toBe('invalid_value');
    expect(error.message).toContain('must be a group of keys');
  });

  it('takes no keys from the prototype', () => {
    const error = refusal(() => loadPlan(`${text}__proto__: { name: other }\nconstructor: 1\n`, file));
    expect(error.problems.map((problem) => problem.path).sort()).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>).name).toBeUndefined();
  });
});

describe('loadPolicy', () => {
  it('takes the shortest policy and fills in the rest', () => {
    const { policy } = loadPolicy('wardround: policy/1\n', 'policy.yaml');
    expect(policy.auroc).toEqual({ margin: 0.02, floor: 0.7 });
    expect(policy.acceptRetrospective).toBe(false);
  });

  it('has the digest that was computed elsewhere', () => {
    // python3 test/shared/plan/plan-digest.py, its second line
    const loaded = loadPolicy('name: Ward 3\nauroc: { floor: 75e-2 }\nwardround: policy/1\n', 'policy.yaml');
    expect(loaded.digest).toBe('0c51a042181e74d60b6eed284e078aedaa146acc9cf7957d5ada9867a4daccff');
  });

  it('refuses unknown keys and contradictions', () => {
    const codeOf = (policy: string) => refusal(() => loadPolicy(policy, 'policy.yaml')).problems[0];
    expect(codeOf('wardround: policy/1\naucroc: { floor: 0.8 }\n')).toMatchObject({
      code: 'unknown_key',
      path: 'aucroc',
      message: 'unknown key; did you mean auroc?',
    });
    expect(codeOf('wardround: policy/1\ncalibration: { slope: [1.25, 0.8] }\n')).toMatchObject({
      code: 'inconsistent',
      path: 'calibration.slope',
      position: { line: 2, column: 23 },
    });
    expect(codeOf(text)).toMatchObject({ code: 'invalid_value', path: 'wardround' });
  });
});

describe('parseCanonicalPlan', () => {
  const { canonical } = loadPlan(text, file);
  const encode = (value: string) => new TextEncoder().encode(value);

  it('takes the canonical bytes and gives the same plan', () => {
    const loaded = parseCanonicalPlan(encode(canonical), digest as Digest);
    expect(loaded).toEqual(loadPlan(text, file));
  });

  it.each<[string, Uint8Array, string]>([
    ['YAML', encode(text), 'not_canonical'],
    ['white space', encode(`${canonical}\n`), 'not_canonical'],
    ['another order of keys', encode(JSON.stringify(reversed(JSON.parse(canonical)))), 'not_canonical'],
    ['a default left out', encode(canonical.replace('"holdDays":90,', '')), 'not_canonical'],
    ['another spelling of a number', encode(canonical.replace('0.0001', '1e-4')), 'not_canonical'],
    ['a key twice', encode(canonical.replace('"batch":32', '"batch":32,"batch":32')), 'not_canonical'],
    ['a byte order mark', encode(`\ufeff${canonical}`), 'not_canonical'],
    ['bytes that are no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'not_canonical'],
    ['nothing', new Uint8Array(0), 'not_canonical'],
    ['an unknown key', encode(canonical.replace('"batch":32', '"batch":32,"code":"x"')), 'unknown_key'],
    ['a contradiction', encode(canonical.replace('"minimum":3', '"minimum":5')), 'inconsistent'],
    ['too many bytes', new Uint8Array(maximumPlanBytes + 1), 'too_large'],
  ])('refuses %s', (_, bytes, code) => {
    expect(refusal(() => parseCanonicalPlan(bytes)).code).toBe(code);
  });

  it('refuses other bytes than those it was promised, before it looks at them', () => {
    const error = refusal(() => parseCanonicalPlan(encode('{'), digest as Digest));
    expect(error.code).toBe('digest_mismatch');
    expect(error.advice).toBe('reject');
    expect(error.details.expected).toBe(digest);
  });
});
