import { rm } from 'node:fs/promises';
import path from 'node:path';
import { SluiceError } from '../base/errors.ts';
import { run } from './child.ts';
import type { Variables } from './environment.ts';

/** No secret: the store holds the public certificate of a local hub, and Java wants a word for it. */
const WORD = 'changeit';

/** The hub's own authority, as Java wants to be told whom to trust. Throws `configuration`. */
export async function trustStore(hubFolder: string, variables: Variables, signal: AbortSignal): Promise<string> {
  const file = path.join(hubFolder, 'trust.p12');
  await rm(file, { force: true });
  const authority = path.join(hubFolder, 'certificate', 'ca.pem');
  const how = ['-importcert', '-noprompt', '-alias', 'hub', '-storetype', 'PKCS12', '-storepass', WORD];
  const result = await run(
    'keytool',
    [...how, '-file', authority, '-keystore', file],
    { environment: variables },
    signal,
  );
  if (result.exitCode === 0) return file;
  throw new SluiceError('configuration', `keytool of Java 17 ended with ${result.exitCode}: ${result.stdout.trim()}`);
}

/** As Spark's connector takes it: port 5671 always, and nothing of an emulator. */
export function sparkConnection(connection: string): string {
  const parts = connection.split(';').filter((part) => part !== '' && !part.startsWith('UseDevelopmentEmulator'));
  return parts.map((part) => (part.startsWith('Endpoint=') ? 'Endpoint=sb://localhost' : part)).join(';');
}
