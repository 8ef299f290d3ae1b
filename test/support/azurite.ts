import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';

/** Azurite's account and key are the same everywhere; they are no secret. */
const ACCOUNT = 'devstoreaccount1';
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

const START_MS_MAX = 30_000;

export interface Azurite {
  readonly connectionString: string;
  /** `http://127.0.0.1:PORT/devstoreaccount1`: a lake is `<blobUrl>/<container>`. */
  readonly blobUrl: string;
  stop(): Promise<void>;
}

/** The Blob service of Azurite as a child process on a free port, in memory. Fails where it doesn't come up. */
export async function startAzurite(): Promise<Azurite> {
  const port = await freePort();
  const main = createRequire(import.meta.url).resolve('azurite/dist/src/blob/main.js');
  const flags = ['--inMemoryPersistence', '--silent', '--disableTelemetry', '--skipApiVersionCheck'];
  const child = spawn(process.execPath, [main, '--blobPort', String(port), ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await listening(child);
  const blobUrl = `http://127.0.0.1:${port}/${ACCOUNT}`;
  return {
    blobUrl,
    connectionString: [
      'DefaultEndpointsProtocol=http',
      `AccountName=${ACCOUNT}`,
      `AccountKey=${KEY}`,
      `BlobEndpoint=${blobUrl};`,
    ].join(';'),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function listening(child: ChildProcess): Promise<void> {
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`Azurite ${why}: ${output}`));
    const timer = setTimeout(() => fail(`is not up after ${START_MS_MAX} ms`), START_MS_MAX);
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      if (output.includes('successfully listens') || output.includes('successfully listening')) {
        clearTimeout(timer);
        resolve();
      }
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('exit', (code) => {
      clearTimeout(timer);
      fail(`ended with ${code}`);
    });
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}
