import { join } from 'node:path';
import { Option } from 'commander';
import { z } from 'zod';
import { CertificateError } from '../../certs/certificate-error.ts';
import { readKeyPair, readTextIfThere } from '../../certs/pair-files.ts';
import { readYamlFile } from '../../shared/runtime/config-file.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import { connectOperator, type OperatorConnection } from '../client/connect.ts';
import { credentialFolders } from '../sites/credentials.ts';

const operatorSchema = z.strictObject({ address: z.string().min(3) });

/** `--consortium DIR`: where the folder `operator` with the operator's certificate is. */
export function consortiumOption(): Option {
  return new Option('--consortium <dir>', "the consortium's directory").env('WARDROUND_CONSORTIUM').default('.');
}

/** grpc-js says in its own words that nothing listens; whoever runs the coordinator is told what to do about it. */
function unreached(error: unknown, address: string, directory: string): unknown {
  if (!(error instanceof WireError) || error.code !== 'unavailable') return error;
  const said = /^No connection established\. Last error: (?:Error: )?(.*?)\.? Resolution note:/s.exec(error.message);
  if (said === null) return error;
  return new WireError(
    'unavailable',
    `No coordinator answers at ${address} (${said[1]}). Start it: wardround coordinator start ${directory}`,
    { address },
    error,
  );
}

/**
 * Opens the coordinator for an operator, with the certificate in DIR/operator, and closes it after the action.
 * @throws CertificateError `identity_missing`; ConfigError; WireError
 */
export async function withOperator<Result>(
  directory: string,
  action: (coordinator: OperatorConnection) => Promise<Result>,
): Promise<Result> {
  const folder = join(directory, credentialFolders.operator);
  const pair = await readKeyPair(folder);
  const root = await readTextIfThere(join(folder, 'root.pem'));
  if (pair === null || root === null) {
    throw new CertificateError(
      'identity_missing',
      `${folder} holds no operator certificate; name the consortium's directory with --consortium.`,
      { directory: folder },
    );
  }
  const { address } = await readYamlFile(join(folder, 'operator.yaml'), operatorSchema);
  const connection = connectOperator({
    address,
    identity: { key: pair.keyPem, certificateChain: pair.chain.join(''), root },
  });
  try {
    return await action(connection);
  } catch (error) {
    throw unreached(error, address, directory);
  } finally {
    connection.close();
  }
}
