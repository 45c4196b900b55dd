import { describe, expect, it } from 'vitest';
import { planFindings } from '../../../shared/plan/check-plan.ts';
import { loadPlan } from '../../../shared/plan/load-plan.ts';
import { type ImagePayload, payloadShape, type SeriesPayload } from '../../../shared/plan/payload.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import { pathText } from '../../../shared/runtime/problem.ts';
import { draftOf, imagePlan, seriesPlan } from '../../support/payload-plans.ts';

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

function findingsAfter(plan: Plan, change: (plan: Plan) => void): string[] {
  const draft = draftOf(plan);
  change(draft);
  return planFindings(draft)
    .filter(({ path }) => path[0] === 'data')
    .map(({ path, message }) => `${pathText(path)}: ${message}`);
}

const series = (plan: Plan): Mutable<SeriesPayload> => plan.data.payload as SeriesPayload;
const images = (plan: Plan): Mutable<ImagePayload> => plan.data.payload as ImagePayload;

describe('a plan with a payload', () => {
  it('is sound as the fixtures have it, and says the shape of a row', () => {
    expect(payloadShape(series(seriesPlan()))).toEqual([4, 2]);
    expect(payloadShape(series(seriesPlan({ payload: { observed: true } })))).toEqual([4, 4]);
    expect(payloadShape(images(imagePlan()))).toEqual([1, 4, 6]);
  });

  it('keeps its digest whether defaults are written or not', () => {
    const text = (plan: Plan): string => JSON.stringify(plan);
    const plan = seriesPlan();
    const short = draftOf(plan) as { data: { payload?: { observed?: boolean; maximumMissingShare?: number } } };
    delete short.data.payload?.observed;
    delete short.data.payload?.maximumMissingShare;
    expect(loadPlan(text(short as Plan), 'short').digest).toBe(loadPlan(text(plan), 'long').digest);
  });

  it.each<[string, (plan: Plan) => void, string[]]>([
    [
      'two channels of one name',
      (plan) => {
        const [first, second] = series(plan).channels;
        series(plan).channels = [first, { ...second, name: 'Pulse' }] as never;
        plan.data.columns.splice(2, 1);
      },
      ['data.payload.channels[1].name: the channel "Pulse" is already number 1 of the list; each may stand once'],
    ],
    [
      'a channel that is the minute',
      (plan) => {
        series(plan).minute = 'lactate';
      },
      ['data.payload.channels[1].name: the channel lactate is also the minute of the series'],
    ],
    [
      'a key that is the minute',
      (plan) => {
        series(plan).key = 'minute';
      },
      ['data.payload.minute: the key and the minute are the same column minute'],
    ],
    [
      'a normal value outside the range',
      (plan) => {
        Object.assign(series(plan).channels[0] as object, { normal: 400 });
      },
      ['data.payload.channels[0].normal: the value 400 of channel pulse must lie in its range [0, 300]'],
    ],
    [
      'a range upside down',
      (plan) => {
        Object.assign(series(plan).channels[0] as object, { range: [300, 0] });
      },
      ['data.payload.channels[0].range: the first bound must be below the second, found [300, 0]'],
    ],
    [
      'a summary of no channel',
      (plan) => {
        Object.assign(plan.data.columns[1] as object, { summary: { channel: 'urea', by: 'mean' } });
      },
      ['data.columns[1].summary.channel: there is no channel urea; there are: pulse, lactate'],
    ],
    [
      'a summary in another unit than its channel',
      (plan) => {
        Object.assign(plan.data.columns[1] as object, { unit: 'Hz' });
      },
      ['data.columns[1].unit: column pulse_mean is computed from channel pulse, which is in 1/min, not Hz'],
    ],
    [
      'a summary without a payload',
      (plan) => {
        delete (plan.data as { payload?: unknown }).payload;
        plan.data.columns.splice(2, 1);
      },
      ['data.columns[1].summary: column pulse_mean is computed from a payload, and data.payload is not given'],
    ],
    [
      'a key that is the label',
      (plan) => {
        series(plan).key = plan.data.label.name;
      },
      ['data.payload.key: the key of the series and the label are the same column disease'],
    ],
    [
      'a key that is a feature',
      (plan) => {
        series(plan).key = 'age';
      },
      ['data.payload.key: the key of the series age is also a feature: remove data.columns[0]'],
    ],
  ])('finds %s', (_, change, findings) => {
    expect(findingsAfter(seriesPlan(), change)).toEqual(findings);
  });

  it('lets the key of the series be the patient key', () => {
    expect(
      findingsAfter(seriesPlan(), (plan) => {
        series(plan).key = plan.data.patientKey;
      }),
    ).toEqual([]);
  });

  it.each<[string, (plan: Plan) => void, string[]]>([
    [
      'numbers for other channels',
      (plan) => {
        images(plan).channels = 3;
        images(plan).scale = [1, 2, 3];
      },
      ['data.payload.mean: 3 channels need 3 numbers; found 1'],
    ],
    [
      'two numbers for a grey image',
      (plan) => {
        images(plan).scale = [1, 2];
      },
      ['data.payload.scale: a grey image needs 1 number; found 2'],
    ],
    [
      'a summary of a channel there is not',
      (plan) => {
        Object.assign(plan.data.columns[0] as object, { summary: { channel: 1, by: 'mean' } });
      },
      ['data.columns[0].summary.channel: the channel of an image is a number from 0 to 0; found 1'],
    ],
    [
      'a summary over time',
      (plan) => {
        Object.assign(plan.data.columns[0] as object, { summary: { channel: 0, by: 'last' } });
      },
      ['data.columns[0].summary.by: last is of a series; an image has no time'],
    ],
  ])('finds in images %s', (_, change, findings) => {
    expect(findingsAfter(imagePlan(), change)).toEqual(findings);
  });
});

describe('labels of the tasks', () => {
  const survival = { name: 'days', event: 'died', unit: 'days', range: [0, 400] as [number, number] };
  const finding = (kind: Plan['task']['kind'], label: object): string[] =>
    findingsAfter(seriesPlan(), (plan) => {
      plan.task = { kind };
      (plan.data as { label: unknown }).label = label;
    });

  it('takes time and event for survival, and levels from lowest to highest for ordinal', () => {
    expect(finding('survival', survival)).toEqual([]);
    expect(finding('ordinal', { name: 'grade', levels: ['none', 'mild', 'severe'] })).toEqual([]);
  });

  it('refuses a label of another form', () => {
    expect(finding('survival', { name: 'days', unit: 'days', range: [0, 400] })).toEqual([
      'data.label: the label of a survival task has event, unit and range; this one has unit and range',
    ]);
    expect(finding('regression', survival)).toEqual([
      'data.label: the label of a regression task has unit and range; this one has event, unit and range',
    ]);
    expect(finding('ordinal', { name: 'grade', levels: ['no', 'yes'] })).toEqual([
      'data.label.levels: an ordinal task has at least 3 levels, found 2; with 2 the task is binary',
    ]);
  });

  it('refuses times that cannot be and an event that is also something else', () => {
    expect(finding('survival', { ...survival, range: [-5, 0] })).toEqual([
      'data.label.range: times are above 0; the range ends at 0',
    ]);
    expect(finding('survival', { ...survival, event: 'days' })).toEqual([
      'data.label.event: the event and the label are the same column days',
    ]);
    expect(finding('survival', { ...survival, event: 'age' })).toEqual([
      'data.label.event: the event age is also a feature: remove data.columns[0]',
    ]);
  });
});
