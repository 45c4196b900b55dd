import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the ports that Linux (from 32,768), macOS and Windows (from 49,152) give to outgoing connections and to who asks for any port. */
const [lowest, beyond] = [20_000, 32_000];
const mostTries = 100;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** A port of the loopback interface that is free, and that the system gives to nobody before it is listened on. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < mostTries; tries++) {
    const port = randomInt(lowest, beyond);
    if (await isFree(port)) return port;
  }
  throw new Error(`freePort: ${mostTries} ports from ${lowest} to ${beyond - 1} are taken`);
}
