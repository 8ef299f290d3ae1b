import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit } from '../../../src/base/audit.ts';
import { openDatabase, type Database } from '../../../src/duckdb/duckdb.ts';

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ memoryBytesMax: 2 ** 27, threads: 1, temporaryFolder: '' });
});
afterAll(() => database.close());

test('no row anywhere: passed, whatever comments the statements begin and end with', async () => {
  const none = { name: 'none.sql', sql: '-- Nothing.\nSELECT 1 WHERE false -- at all' };
  await expect(audit(database, [none, { ...none, name: "it's none.sql" }], 'silver/things')).resolves.toBeUndefined();
});

test('the first audit in order that finds rows is named, with their number', async () => {
  const audits = [
    { name: 'none.sql', sql: 'SELECT 1 WHERE false' },
    { name: "two's.sql", sql: 'FROM range(2)' },
    { name: 'one.sql', sql: 'SELECT 1, 2' },
  ];
  await expect(audit(database, audits, 'silver/things')).rejects.toMatchObject({
    code: 'audit_failed',
    message: expect.stringMatching(/the audit two's\.sql found 2 rows .* new ones of silver\/things/),
    context: { table: 'silver/things', audit: "two's.sql", rows: 2 },
  });
});
