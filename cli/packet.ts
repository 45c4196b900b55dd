import { readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { withOperator } from '../coordinator/cli/operator-directory.ts';
import { consortiumRecord } from '../coordinator/cli/packet-record.ts';
import { buildPacket, type PacketFile } from '../shared/packet/packet.ts';
import { PacketError } from '../shared/packet/packet-error.ts';
import type { PacketRecord } from '../shared/packet/record.ts';
import { syncDirectory, writeFileAtomically } from '../shared/runtime/files.ts';
import { systemClock } from '../shared/runtime/system-clock.ts';
import { siteRecord } from '../site-agent/cli/packet-record.ts';

interface PacketOptions {
  readonly consortium?: string;
  readonly dir?: string;
  readonly release?: string;
  readonly out: string;
  readonly json?: boolean;
}

function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

async function gather({ consortium, dir, release }: PacketOptions): Promise<PacketRecord> {
  const shared =
    consortium === undefined ? null : await withOperator(consortium, (port) => consortiumRecord(port, release));
  // Both sides speak of the same release: the consortium's newest, unless one is named.
  const own = dir === undefined ? null : await siteRecord(resolve(dir), release ?? shared?.release?.version);
  const subject = own ?? shared;
  if (subject === null) {
    throw new PacketError('no_source', 'Name a consortium with --consortium, a site with --dir, or both.');
  }
  if (own !== null && shared !== null && own.release?.digest !== shared.release?.digest) {
    throw new PacketError(
      'plan_mismatch',
      `${shared.release?.version} has the digest ${shared.release?.digest} at the consortium and ${own.release?.digest} at the site.`,
    );
  }
  return {
    madeAt: new Date(systemClock.now()).toISOString(),
    software: packageVersion(),
    plan: subject.plan,
    release: subject.release,
    consortium: shared?.consortium ?? null,
    site: own?.site ?? null,
  };
}

async function isThere(directory: string): Promise<boolean> {
  try {
    if ((await readdir(directory)).length === 0) return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw cause;
  }
  throw new PacketError('not_empty', `${directory} is not empty; name a new directory.`, { directory });
}

/** Writes all files beside the directory first, so that a packet is there whole or not at all. Only its owner may read it: a hospital's figures are exact. */
async function writePacket(directory: string, files: readonly PacketFile[]): Promise<void> {
  const there = await isThere(directory);
  const temporary = `${directory}.part-${process.pid}`;
  try {
    for (const { path, text } of files) {
      const file = join(temporary, path);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeFileAtomically(file, text, { mode: 0o600 });
    }
    if (there) {
      // Somebody may stand in it: it stays, and is filled.
      for (const name of await readdir(temporary)) await rename(join(temporary, name), join(directory, name));
      await rm(temporary, { recursive: true, force: true });
    } else {
      await rename(temporary, directory);
    }
    await syncDirectory(dirname(directory));
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true });
    throw cause;
  }
}

async function packet(options: PacketOptions): Promise<void> {
  const directory = resolve(options.out);
  try {
    await isThere(directory);
    const record = await gather(options);
    const files = buildPacket(record);
    await writePacket(directory, files);
    const open = (
      JSON.parse(files.find(({ path }) => path === 'index.json')?.text ?? '{}') as { open: readonly { what: string }[] }
    ).open;
    const missing = new Set(open.map(({ what }) => what)).size;
    if (options.json === true) {
      console.log(
        JSON.stringify({ directory, release: record.release, files: files.map(({ path }) => path), open: missing }),
      );
      return;
    }
    console.log(`${record.release?.version}: ${files.length} files in ${directory}; begin with index.html.`);
    console.log(`${missing} points are not on record and stay open; the index lists them with who has to state them.`);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    if (cause instanceof PacketError || !/^E[A-Z]+$/.test(code)) throw cause;
    throw new PacketError(
      'not_writable',
      `${directory}: the packet cannot be written there (${code}).`,
      { directory },
      cause,
    );
  }
}

export function register(program: Command): void {
  program
    .command('packet')
    .description('write the regulatory packet of a release from what was recorded; what is not on record stays open')
    .addOption(new Option('--consortium <dir>', "the consortium's directory; its coordinator must be running"))
    .addOption(new Option('--dir <dir>', 'directory of a site: adds its whole judgements, each with its evidence'))
    .option('--release <version>', 'which release; the newest when left out')
    .requiredOption('--out <dir>', 'a new or empty directory')
    .option('--json', 'print one JSON value')
    .action(packet);
}
