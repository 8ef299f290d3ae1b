import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { callCentre } from '../../../src/pipeline.ts';
import { comparedTables } from '../../../src/compare/tables.ts';
import { defineRelation, readSnapshot } from '../../../src/delta/delta.ts';
import { openDatabase } from '../../../src/duckdb/duckdb.ts';
import { openStore } from '../../../src/storage/open-store.ts';
import { openScratch } from '../../../src/storage/scratch.ts';

// Writes the reference's tables as the golden ones, after `npm run compare -- --events 450 --seed 20260105`:
//   node test/golden/reference/make.ts .sluice/compare/reference
// The dimensions are made from their seed instead, and customers play no part in gold.

const [lake = '.sluice/compare/reference'] = process.argv.slice(2);
const never = new AbortController().signal;
const temporaryFolder = path.join(tmpdir(), `sluice-golden-${process.pid}`);
const store = await openStore({ kind: 'folder', folder: path.resolve(lake) }, {}, never);
const scratch = await openScratch(temporaryFolder, 2 ** 30);
const database = await openDatabase({ memoryBytesMax: 2 ** 29, threads: 1, temporaryFolder });
const dimensions = new Set(callCentre.dimensions.map(({ name }) => `silver/${name}`));
for (const { root, key, ignored } of comparedTables(callCentre)) {
  if (dimensions.has(root)) continue;
  const location = { store, root };
  const snapshot = await readSnapshot(location, never);
  if (snapshot === undefined) throw new Error(`${lake} has no ${root}`);
  await defineRelation(database, 'made', location, snapshot.contract, snapshot.files.values(), scratch, never);
  const file = path.join(import.meta.dirname, `${root.replace('/', '.')}.parquet`);
  const columns = snapshot.contract.columns.map(({ name }) => name).filter((name) => !ignored.includes(name));
  await database.run(
    `COPY (SELECT ${columns.map((name) => `"${name}"`).join(', ')} FROM made ORDER BY ${key.join(', ')}) TO '${file}'
     (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 19)`,
  );
  console.log(file);
}
database.close();
await scratch.close();
await rm(temporaryFolder, { recursive: true, force: true });
