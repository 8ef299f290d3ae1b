import type { Pipeline } from '../../schemas/contract.ts';
import { SluiceError } from '../base/errors.ts';
import { COMPACTED_BYTES, compactTable, NOTHING_COMPACTED, type Compaction } from '../delta/delta.ts';
import { formatSize } from '../report/report.ts';
import { maintain, type Maintenance, type Step, type StepResult } from './maintain.ts';
import { suggestion } from './nearest.ts';
import { readThrough } from './readers.ts';
import { lakeTables, REJECTED_ROOT, type LakeTable } from './tables.ts';
import type { Terminal } from './terminal.ts';

/** Rows of a partition stand in the order of their numbers. */
const BRONZE_ORDER = ['partition_id', 'sequence_number'];

/** `sluice optimize`: compacts one table or all, up to so many bytes read in one call. */
export function optimize(
  table: string | undefined,
  options: { readonly maxInput: number; readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const command = {
    name: 'optimize',
    json: options.json ?? false,
    check: (pipeline: Pipeline) => void chosenTables(table, pipeline),
    steps: (work: Maintenance) => optimizeSteps(work, table, options.maxInput),
  };
  return maintain(command, terminal);
}

/** A step a table, which together read at most so many bytes. */
export function optimizeSteps(work: Maintenance, table: string | undefined, inputBytesMax: number): Step[] {
  let bytesLeft = inputBytesMax;
  const spend = (bytes: number): void => void (bytesLeft -= bytes);
  return chosenTables(table, work.pipeline).map(({ root }) => step(work, root, () => bytesLeft, spend));
}

/** The table that is named `silver.call_legs`, `silver/call_legs`, or every one. */
export function chosenTables(name: string | undefined, pipeline: Pipeline): readonly LakeTable[] {
  const tables = lakeTables(pipeline);
  if (name === undefined) return tables;
  const found = tables.filter(({ view, root }) => view === name || root === name);
  if (found.length > 0) return found;
  const views = tables.map(({ view }) => view);
  throw new SluiceError('usage', `unknown table '${name}'; ${suggestion(name, views)}`);
}

function step(work: Maintenance, root: string, bytesLeft: () => number, spend: (bytes: number) => void): Step {
  const { lake, fence, stop } = work;
  const { openDatabase, scratch, bodyBytesMax, clock, runId, log } = lake;
  return {
    table: root,
    async run(signal) {
      const inputBytesMax = bytesLeft();
      if (inputBytesMax <= 0) return told({ ...NOTHING_COMPACTED, outcome: 'empty' }, 'left to the next call');
      const options = {
        openDatabase,
        scratch,
        context: { clock, runId, log },
        fence,
        stop,
        inputBytesMax,
        // A row group is held as rows, as pages and compressed, by two threads.
        rowGroupBytesMax: bodyBytesMax / 8,
        // Bronze is sorted, whole rows of it.
        targetBytes: Math.min(COMPACTED_BYTES, bodyBytesMax),
        readThrough: await readThrough(work, root, signal),
        // Rows of large texts, of which no two are alike.
        dictionaries: !root.startsWith('bronze/') && root !== REJECTED_ROOT,
        ...(root.startsWith('bronze/') ? { orderBy: BRONZE_ORDER } : {}),
      };
      const found = await compactTable(lake.table(root), options, signal);
      spend(found.bytesRead);
      return told(found);
    },
  };
}

function told(found: Compaction, instead?: string): StepResult {
  const { outcome, ...facts } = found;
  const { filesRemoved, filesAdded, filesWaiting, filesLeft, filesLarge, bytesRead, bytesWritten } = facts;
  const sizes = `${formatSize(bytesRead)} to ${formatSize(bytesWritten)}`;
  const parts = [
    filesRemoved === 0 ? 'nothing to do' : `${filesRemoved} files became ${filesAdded}, ${sizes}`,
    ...(filesLeft === 0 ? [] : [`${filesLeft} left to the next call`]),
    ...(filesLarge === 0 ? [] : [`${filesLarge} with rows too large for the memory stay`]),
    ...(filesWaiting === 0 ? [] : [`${filesWaiting} wait for silver or gold to read them`]),
  ];
  return { outcome, text: instead ?? parts.join('; '), facts };
}
