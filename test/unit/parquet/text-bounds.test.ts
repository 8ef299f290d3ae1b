import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { byteColumnOf } from '../../../src/base/byte-column.ts';
import { openDatabase, type Database } from '../../../src/duckdb/duckdb.ts';
import { createParquetFile, readTextBounds } from '../../../src/parquet/parquet.ts';

let folder: string;
let database: Database;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-bounds-'));
  database = await openDatabase({ memoryBytesMax: 256 * 2 ** 20, threads: 1, temporaryFolder: folder });
});
afterAll(() => {
  database.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Bounds of the column of a file that DuckDB writes, its row groups 2,048 rows each. */
async function boundsOf(value: string, rows = 6144) {
  const file = path.join(folder, 'bounds.parquet');
  await database.run(
    `COPY (SELECT ${value} AS text, i FROM range(${rows}) AS t (i)) TO $file (FORMAT parquet, ROW_GROUP_SIZE 2048)`,
    { file },
  );
  const bounds = await readTextBounds(file);
  expect([...bounds.keys()]).toEqual(['text']);
  return bounds.get('text');
}

test.each([
  ['over all row groups', "printf('%05d', (i * 4099) % 6144)", '00000', '06143'],
  // U+FFFD is before U+1F389 by bytes, after its surrogates in JavaScript.
  ['in the order of their bytes', 'CASE WHEN i < 3000 THEN chr(127881) ELSE chr(65533) END', '\ufffd', '\u{1f389}'],
  ['with what no decoder may drop or change', "CASE i WHEN 9 THEN chr(65279) || 'ß' ELSE 'z' END", 'z', '\ufeffß'],
  ['the empty text among them', "CASE i WHEN 4000 THEN '' ELSE 'a' END", '', 'a'],
  ['where a row group has nulls alone', "CASE WHEN i < 2048 THEN NULL ELSE 'b' END", 'b', 'b'],
])('the least and greatest text, %s', async (_, value, least, greatest) => {
  expect(await boundsOf(value)).toEqual({ least, greatest });
});

test('none where there is no value', async () => {
  expect(await boundsOf('NULL::VARCHAR')).toEqual({ least: undefined, greatest: undefined });
});

test('none where one row group of several tells none', async () => {
  const file = path.join(folder, 'partly.parquet');
  const growing = await createParquetFile(file, [{ name: 'text', type: 'string', bounds: true }], {
    compressed: false,
  });
  // A row group ends with 4 MiB, and bounds of such a length stand in no footer.
  for (const text of ['x'.repeat(5 * 2 ** 20), 'short']) {
    await growing.append({ count: 1, columns: [byteColumnOf([Buffer.from(text)])] });
  }
  await growing.close();
  const [counted] = await database.rows('SELECT num_row_groups FROM parquet_file_metadata($file)', { file });
  expect(counted).toEqual({ num_row_groups: 2n });
  expect((await readTextBounds(file)).get('text')).toEqual({ least: undefined, greatest: undefined });
});

test('what is no Parquet file is table_corrupt', async () => {
  const file = path.join(folder, 'other.parquet');
  writeFileSync(file, 'PAR1 this is something else PAR1');
  await expect(readTextBounds(file)).rejects.toMatchObject({ code: 'table_corrupt' });
});
