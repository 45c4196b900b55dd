import type { BenchOptions, BenchRow } from './support/bench.ts';

export const title =
  'The gate by simulation: wrong decisions, false alarms, what is found, how soon, and what a hold forecasts';

interface Section {
  section(options: {
    readonly seeds: number;
    readonly quick: boolean;
    readonly progress: (text: string) => void;
  }): Promise<readonly BenchRow[]>;
}

/** Each with its number of simulated sites or streams; every one starts from seed 1, so that a run can be repeated. */
const sections: readonly (readonly [seeds: number, load: () => Promise<Section>])[] = [
  [400, () => import('./gate-operating-characteristics/decisions.ts')],
  [400, () => import('./gate-operating-characteristics/forecast.ts')],
  [1000, () => import('./gate-operating-characteristics/report.ts')],
  [1000, () => import('./gate-operating-characteristics/monitor.ts')],
  [100, () => import('./gate-operating-characteristics/reading.ts')],
  [100, () => import('./gate-operating-characteristics/slices.ts')],
  [100, () => import('./gate-operating-characteristics/ladder.ts')],
  [100, () => import('./gate-operating-characteristics/whole-ladder.ts')],
];

export async function run({ quick, progress }: BenchOptions): Promise<readonly BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const [seeds, load] of sections) {
    const { section } = await load();
    rows.push(...(await section({ seeds, quick, progress })));
  }
  return rows;
}
