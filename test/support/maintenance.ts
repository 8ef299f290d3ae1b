import { compactTable, findGarbage } from '../../src/delta/delta.ts';
import { readThrough } from '../../src/cli/readers.ts';
import { lakeTables } from '../../src/cli/tables.ts';
import { callCentre } from '../../src/pipeline.ts';
import type { SmallLake } from './small-lake.ts';

const never = new AbortController().signal;
const DAY_MS = 86_400_000;
/** So that there are some slices, and not one a file. */
const SLICE_BYTES_MAX = 16_384;
const ROOTS = lakeTables(callCentre).map(({ root }) => root);

/** What may be done to a lake between runs, none of which changes what its tables say. */
export const MAINTENANCE: Readonly<Record<string, (lake: SmallLake, signal?: AbortSignal) => Promise<void>>> = {
  async optimize(lake, signal = never) {
    const { openDatabase, scratch, fence, ...context } = lake.tools();
    for (const root of ROOTS) {
      const through = await readThrough({ lake, pipeline: callCentre }, root, signal);
      const orderBy = root.startsWith('bronze/') ? ['partition_id', 'sequence_number'] : [];
      const options = { openDatabase, scratch, fence, context, inputBytesMax: 1e9, readThrough: through, orderBy };
      await compactTable(lake.table(root), options, signal);
    }
  },
  /** A hundred days from now, and with hardly any retention: only what is needed is left. */
  async vacuum(lake, signal = never) {
    for (const root of ROOTS) {
      const through = await readThrough({ lake, pipeline: callCentre }, root, signal);
      const options = { nowMs: Date.now() + 100 * DAY_MS, retainMs: 1, readThrough: through };
      const found = await findGarbage(lake.table(root), options, signal);
      for (const { path } of found) await lake.store.delete(path, signal);
    }
  },
  async 'rebuild silver'(lake) {
    for (const { name } of callCentre.datasets) await lake.rebuildSilver(name, { sliceBytesMax: SLICE_BYTES_MAX });
  },
  async 'rebuild gold'(lake) {
    for (const { name } of callCentre.gold) await lake.gold(name, { rebuild: 'all' });
  },
  async 'replay --rejected'(lake) {
    for (const { name } of callCentre.datasets) await lake.replayRejected(name, { sliceBytesMax: SLICE_BYTES_MAX });
  },
};
