import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ModelState, modelStates, monitorSignals, type SignalLevel } from '../../../shared/plan/notice.ts';
import { type ModelStateEvent, transition } from '../../../site-agent/agent/monitor-transition.ts';

const signals = (level: SignalLevel | null, hasPrevious = true): ModelStateEvent => ({
  kind: 'signals',
  raised: level === null ? [] : [{ signal: 'calibration', level }],
  hasPrevious,
});
const revalidated = (decision: 'accept' | 'hold' | 'reject', harm = false, hasPrevious = true): ModelStateEvent => ({
  kind: 'revalidated',
  decision,
  harm,
  hasPrevious,
});

describe('states of a model', () => {
  it.each<[string, ModelState | null, ModelStateEvent, ModelState | null, readonly string[]]>([
    ['is in shadow once it is scored', null, { kind: 'scores_in_shadow' }, 'shadow', []],
    ['goes from shadow into use', 'shadow', { kind: 'accepted' }, 'active', ['fresh_monitors']],
    ['comes into use without a shadow', null, { kind: 'accepted' }, 'active', ['fresh_monitors']],
    ['stays watched when it is in use anyway', 'watched', { kind: 'accepted' }, 'watched', []],
    ['is watched on a warning', 'active', signals('warn'), 'watched', []],
    ['is active again when all is quiet', 'watched', signals(null), 'active', []],
    ['is revalidated on a trigger', 'active', signals('revalidate'), 'revalidating', ['revalidate']],
    ['is revalidated from watched', 'watched', signals('revalidate'), 'revalidating', ['revalidate']],
    ['asks for one judgement only', 'revalidating', signals('revalidate'), 'revalidating', []],
    ['waits for the judgement, however quiet the signals are', 'revalidating', signals(null), 'revalidating', []],
    ['is rolled back on harm', 'active', signals('harm'), 'rolled_back', ['return']],
    ['is rolled back on harm while a judgement is awaited', 'revalidating', signals('harm'), 'rolled_back', ['return']],
    [
      'is withdrawn on harm when there is nothing to go back to',
      'watched',
      signals('harm', false),
      'withdrawn',
      ['stop'],
    ],
    ['begins anew when the judgement accepts', 'revalidating', revalidated('accept'), 'active', ['fresh_monitors']],
    ['goes on waiting when the judgement holds', 'revalidating', revalidated('hold'), 'revalidating', []],
    ['leaves a rejection without harm to people', 'revalidating', revalidated('reject'), 'revalidating', []],
    [
      'is rolled back when the judgement shows harm',
      'revalidating',
      revalidated('reject', true),
      'rolled_back',
      ['return'],
    ],
    [
      'is withdrawn then without a version before',
      'revalidating',
      revalidated('reject', true, false),
      'withdrawn',
      ['stop'],
    ],
    ['is withdrawn by a person', 'active', { kind: 'withdrawn' }, 'withdrawn', ['stop']],
    ['is left for the version before by a person', 'watched', { kind: 'returned' }, 'rolled_back', ['return']],
    ['is not watched in shadow', 'shadow', signals('harm'), 'shadow', []],
    ['is not watched out of use', 'rolled_back', signals('harm'), 'rolled_back', []],
    ['may come into use again', 'rolled_back', { kind: 'accepted' }, 'active', ['fresh_monitors']],
  ])('%s', (_, state, event, to, effects) => {
    expect(transition(state, event)).toEqual({ state: to, effects });
  });

  it('never comes into use but by acceptance, and never leaves it without an effect', () => {
    const inUse = (state: ModelState | null): boolean =>
      state === 'active' || state === 'watched' || state === 'revalidating';
    const level = fc.constantFrom<SignalLevel>('quiet', 'warn', 'revalidate', 'harm');
    const event: fc.Arbitrary<ModelStateEvent> = fc.oneof(
      fc.constantFrom<ModelStateEvent>(
        { kind: 'scores_in_shadow' },
        { kind: 'accepted' },
        { kind: 'withdrawn' },
        { kind: 'returned' },
      ),
      fc.record({
        kind: fc.constant('signals' as const),
        raised: fc.array(fc.record({ signal: fc.constantFrom(...monitorSignals), level })),
        hasPrevious: fc.boolean(),
      }),
      fc.record({
        kind: fc.constant('revalidated' as const),
        decision: fc.constantFrom('accept' as const, 'hold' as const, 'reject' as const),
        harm: fc.boolean(),
        hasPrevious: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom(null, ...modelStates), event, (state, happened) => {
        const { state: to, effects } = transition(state, happened);
        if (!inUse(state) && inUse(to)) expect(happened.kind).toBe('accepted');
        const left = inUse(state) && !inUse(to);
        expect(effects.some((effect) => effect === 'return' || effect === 'stop')).toBe(left);
        // Only harm and people take a model out of use.
        if (left && happened.kind === 'signals') expect(happened.raised.some((one) => one.level === 'harm')).toBe(true);
        if (left && happened.kind === 'revalidated') expect(happened.harm).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
