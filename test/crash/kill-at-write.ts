/**
 * Loaded into a process of the engine before its own code (`NODE_OPTIONS=--import`): ends it with SIGKILL before or
 * after its n-th write to the lake takes effect. A write is what makes something visible: in a folder a rename or a
 * link, on Azure a PUT. `CRASH_AT_WRITE` is `before 7` or `after 7`.
 */
import { writeSync } from 'node:fs';
import promises from 'node:fs/promises';
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';

const [when = '', number = ''] = (process.env['CRASH_AT_WRITE'] ?? '').split(' ');
let left = Number(number);

function end(moment: string, what: string): void {
  if (moment !== when || left !== 0) return;
  writeSync(2, `killed ${moment} ${what.replace(/.*\/(?=(bronze|silver|gold|_sluice|_checkpoints)\/)/, '')}\n`);
  process.kill(process.pid, 'SIGKILL');
}

for (const name of ['rename', 'link'] as const) {
  const call = promises[name].bind(promises);
  promises[name] = async (from, to) => {
    left--;
    end('before', `${name} of ${String(to)}`);
    await call(from, to);
    end('after', `${name} of ${String(to)}`);
  };
}

const request = http.request.bind(http) as (...args: unknown[]) => http.ClientRequest;
http.request = ((...args: unknown[]) => {
  const sent = request(...args);
  if (sent.method !== 'PUT') return sent;
  left--;
  // Nothing was sent yet: a request leaves with its first bytes, in a later turn.
  end('before', `PUT of ${sent.path}`);
  if (left === 0) sent.once('response', () => end('after', `PUT of ${sent.path}`));
  return sent;
}) as typeof http.request;

syncBuiltinESMExports();
