import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../../src/compare/child.ts';
import { checkJars, sparkEnvironment } from '../../../src/compare/environment.ts';
import { sparkConnection } from '../../../src/compare/tls.ts';
import { silentLog } from '../../../src/base/log.ts';

const never = new AbortController().signal;

test('jars are taken only as they are listed: none changed, none missing, none more', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-jars-'));
  try {
    writeFileSync(path.join(folder, 'a.jar'), 'a');
    const sum = createHash('sha256').update('a').digest('hex');
    expect(() => checkJars(folder, `${sum}  a.jar\n`)).not.toThrow();
    expect(() => checkJars(folder, `${sum}  a.jar\n${sum}  b.jar\n`)).toThrow(/jars\.sha256: .*b\.jar/);
    writeFileSync(path.join(folder, 'a.jar'), 'changed');
    expect(() => checkJars(folder, `${sum}  a.jar\n`)).toThrow(/jars\.sha256/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('without Python or Java it says what the comparison needs', async () => {
  const nowhere = { PATH: '/nowhere' };
  await expect(sparkEnvironment('/nowhere/cache', nowhere, silentLog, never)).rejects.toMatchObject({
    code: 'configuration',
    message: expect.stringMatching(/python3 cannot be run .*Java 17/),
  });
});

test('a child that is told to stop ends, and the call rejects', async () => {
  const stop = new AbortController();
  const waiting = run(
    process.execPath,
    ['-e', 'setInterval(() => {}, 1000)'],
    { environment: process.env },
    stop.signal,
  );
  stop.abort(new Error('stopped'));
  await expect(waiting).rejects.toThrow('stopped');
});

test("the hub's connection string becomes one that Spark's connector takes", () => {
  const given =
    'Endpoint=sb://localhost:40001;SharedAccessKeyName=Root;SharedAccessKey=KEY;UseDevelopmentEmulator=true;';
  expect(sparkConnection(given)).toBe('Endpoint=sb://localhost;SharedAccessKeyName=Root;SharedAccessKey=KEY');
});
