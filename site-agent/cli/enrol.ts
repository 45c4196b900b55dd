import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Command, Option } from 'commander';
import { parseAddress } from '../../certs/address.ts';
import { certificateFacts } from '../../certs/facts.ts';
import { withFiles } from '../../certs/file-access.ts';
import { createIdentityStore } from '../../certs/identity-store.ts';
import { parseToken } from '../../certs/tokens.ts';
import { commandGroup } from '../../shared/runtime/command-group.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import { enrolAt } from '../client/enrol.ts';
import { proxyFor } from '../client/proxy.ts';
import { enrolDirectory } from './enrolment.ts';
import { exportIdentity, importIdentity, readPassword } from './identity-transfer.ts';

const longestTokenFile = 4096;

function directoryOption(): Option {
  return new Option('--dir <dir>', "the site's directory").env('WARDROUND_SITE').default('.');
}

async function tokenText(argument: string | undefined, file: string | undefined): Promise<string> {
  if (argument !== undefined && file !== undefined) {
    throw new WireError('token_malformed', 'Give the token either as an argument or with --token-file, not both.');
  }
  const fromInput = argument === '-' || file === '-';
  if (fromInput) return (await text(process.stdin)).slice(0, longestTokenFile);
  if (file !== undefined) return (await withFiles(file, () => readFile(file, 'utf8'))).slice(0, longestTokenFile);
  if (argument === undefined) {
    throw new WireError(
      'token_malformed',
      "Give the token as an argument, with --token-file, or on standard input with '-'.",
    );
  }
  return argument;
}

interface TransferOptions {
  readonly dir: string;
  readonly p12: string;
  readonly passwordFile?: string;
  readonly address?: string;
  readonly json?: boolean;
}

const password = (options: TransferOptions) => readPassword(options.passwordFile, process.env.WARDROUND_P12_PASSWORD);

export function register(program: Command): void {
  const site = commandGroup(program, 'site', "a hospital's side of a consortium");

  site
    .command('enrol')
    .argument('[token]', "the one-time token of the operator; '-' reads it from standard input")
    .description('make this directory a site: a key made here, a certificate for it, a commented site.yaml')
    .option(
      '--token-file <file>',
      "read the token from a file, so that it is in no shell history; '-' is standard input",
    )
    .addOption(directoryOption())
    .option('--json', 'print the result as JSON')
    .action(async (argument: string | undefined, options: { dir: string; tokenFile?: string; json?: boolean }) => {
      const token = await tokenText(argument, options.tokenFile);
      const { host } = parseAddress(parseToken(token).address);
      const { proxy } = proxyFor(host, process.env);
      const needs = { enrol: enrolAt, clock: systemClock };
      const result = await withFiles(options.dir, () => enrolDirectory(options.dir, token, needs, { proxy }));
      if (options.json === true) {
        const { expiresMs, ...rest } = result;
        console.log(JSON.stringify({ ...rest, certificateExpires: new Date(expiresMs).toISOString() }));
        return;
      }
      const began = result.before ? 'was enrolled with this token before' : 'is enrolled';
      console.log(`${result.site} ${began} at ${result.address}.`);
      console.log(`Root of the consortium (SHA-256): ${result.rootFingerprint}`);
      console.log(`Certificate until ${new Date(result.expiresMs).toISOString()}; the agent renews it by itself.`);
      console.log(`The private key was made here and stays in ${join(options.dir, 'identity')}, readable by you only.`);
      console.log(
        `\nNext: describe your data in ${join(options.dir, 'site.yaml')}${result.configWritten ? ' (just written, with comments)' : ''}, then\n` +
          `  wardround site check --plan PLAN --dir ${options.dir}\n  wardround site start --dir ${options.dir}`,
      );
    });

  site
    .command('export-identity')
    .description('write key and certificates into a PKCS#12 file, protected by a password')
    .requiredOption('--p12 <file>', 'the file to write')
    .option('--password-file <file>', 'its first line is the password; otherwise WARDROUND_P12_PASSWORD')
    .addOption(directoryOption())
    .action(async (options: TransferOptions) => {
      const store = createIdentityStore(join(options.dir, 'identity'));
      const secret = await password(options);
      const identity = await withFiles(options.p12, () => exportIdentity(store, options.p12, secret));
      console.log(
        `${options.p12} holds the key and certificates of ${identity.site}. Whoever opens it can act as this site.`,
      );
    });

  site
    .command('import-identity')
    .description('take key and certificates from a PKCS#12 file')
    .requiredOption('--p12 <file>', 'the file to read')
    .option('--password-file <file>', 'its first line is the password; otherwise WARDROUND_P12_PASSWORD')
    .option('--address <host:port>', 'the coordinator, when the directory has no identity yet')
    .addOption(directoryOption())
    .action(async (options: TransferOptions) => {
      const store = createIdentityStore(join(options.dir, 'identity'));
      const secret = await password(options);
      const identity = await withFiles(options.p12, () =>
        importIdentity(store, options.p12, secret, options.address, systemClock),
      );
      const { notAfterMs } = certificateFacts(identity.certificateChainPem[0] ?? '');
      console.log(
        `${options.dir} is ${identity.site} at ${identity.address}, until ${new Date(notAfterMs).toISOString()}.`,
      );
    });
}
