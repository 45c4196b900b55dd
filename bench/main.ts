import { readdirSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { type Bench, type BenchRow, NoSuchCase } from './support/bench.ts';
import { tableOf } from './support/table.ts';

const usage = 'npm run bench -- NAME [--json] [--quick] [--only TEXT]';

/** Every file of this folder but this one is a benchmark, named as the file. */
const names = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
  .map((file) => file.slice(0, -'.ts'.length))
  .sort();

async function load(name: string): Promise<Bench> {
  return (await import(new URL(`${name}.ts`, import.meta.url).href)) as Bench;
}

async function main(): Promise<number> {
  let parsed: { values: { json?: boolean; quick?: boolean; only?: string }; positionals: string[] };
  try {
    parsed = parseArgs({
      args: process.argv.slice(2),
      allowPositionals: true,
      options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, only: { type: 'string' } },
    });
  } catch (cause) {
    console.error(`${cause instanceof Error ? cause.message : String(cause)}\nUsage: ${usage}`);
    return 2;
  }
  const [name, ...others] = parsed.positionals;
  if (name === undefined) {
    console.log(`Usage: ${usage}\n`);
    for (const known of names) console.log(`  ${known.padEnd(16)} ${(await load(known)).title}`);
    return 0;
  }
  if (others.length > 0 || !names.includes(name)) {
    const problem =
      others.length > 0
        ? `one benchmark at a time, not ${parsed.positionals.join(', ')}`
        : `there is no benchmark ${name}`;
    console.error(`bench: ${problem}; there are: ${names.join(', ')}\nUsage: ${usage}`);
    return 2;
  }
  const bench = await load(name);
  let rows: readonly BenchRow[];
  try {
    rows = await bench.run({
      quick: parsed.values.quick === true,
      ...(parsed.values.only === undefined ? {} : { only: parsed.values.only }),
      progress: (text) => console.error(text),
    });
  } catch (cause) {
    if (!(cause instanceof NoSuchCase)) throw cause;
    console.error(`bench: ${cause.message}`);
    return 2;
  }
  const machine = {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
  };
  const json = parsed.values.json === true;
  // A program reads what is on stdout: with --json that is the figures alone, and the table goes to the terminal.
  const print = json ? console.error : console.log;
  print(`${bench.title}\n${machine.processor}, ${machine.cores} cores, Node ${machine.node}\n`);
  print(tableOf(rows));
  if (json) console.log(JSON.stringify({ bench: name, machine, rows }));
  return 0;
}

process.exitCode = await main();
