import { expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { callCentre } from '../../../src/pipeline.ts';
import { ensureTables } from '../../../src/silver/ensure-tables.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import { putText, signal } from '../../support/delta-fixtures.ts';

test('a silver table that another writer upgraded for writers is refused before anything is judged', async () => {
  const store = openMemory();
  const [dataset] = callCentre.datasets;
  if (dataset === undefined) throw new Error('the call centre has datasets');
  const options = {
    dataset,
    silver: { store, root: 'silver/x' },
    rejected: { store, root: 'silver/rejected_events' },
    timeZone: 'UTC',
    clock: systemClock,
    runId: 'run',
    log: silentLog,
    fence: 1,
  };
  await ensureTables(options, signal);
  const protocol = { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['rowTracking'] };
  await putText(store, 'silver/x/_delta_log/00000000000000000001.json', JSON.stringify({ protocol }));
  await expect(ensureTables(options, signal)).rejects.toMatchObject({ code: 'table_unsupported', exitCode: 5 });
});
