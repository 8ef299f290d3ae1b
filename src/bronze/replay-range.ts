import { gapsTable } from '../../schemas/gaps-table.ts';
import { SluiceError } from '../base/errors.ts';
import { commit, readSnapshot, writeFiles } from '../delta/delta.ts';
import type { Change, CommitResult, Snapshot } from '../delta/delta.ts';
import { sqlFile } from '../duckdb/duckdb.ts';
import type { EventBatch } from '../eventhubs/eventhubs.ts';
import type { RangeOptions, RangeOutcome } from './bronze.ts';
import { countOf, without, type NumberRange } from './number-ranges.ts';
import { refuseOtherHub, replayTransactionName, transactionName } from './plan.ts';
import { inGapsArea, lookAtRange, type RangeOutlook } from './range-outlook.ts';
import { writeEvents } from './write-events.ts';

const correctedGapsSql = sqlFile(new URL('corrected-gaps.sql', import.meta.url));

const limits = {
  /** Tries while others commit to the tables. */
  attemptsMax: 5,
} as const;

type Landed = 'landed' | 'conflicted' | 'locked' | 'stopped';

/** See the door. */
export async function replayInto(options: RangeOptions, signal: AbortSignal): Promise<RangeOutcome> {
  const counts = { missing: 0, found: 0, corrected: 0 };
  const { dataset, partitionId, source } = options;
  const hub = await source.hubProperties(signal);
  const table = await readSnapshot(options.table, signal);
  refuseOtherHub({ dataset, hub, transactions: table?.transactions ?? new Map() });
  const transaction = transactionName(dataset, hub.createdAtMs, partitionId);
  for (let attempt = 0; attempt < limits.attemptsMax; attempt++) {
    const outlook = await lookAtRange(options, transaction, signal);
    if (outlook === undefined) return { ...counts, outcome: 'empty' };
    counts.missing = Math.max(counts.missing, countOf(outlook.missing));
    const appId = replayTransactionName(dataset, hub.createdAtMs, partitionId);
    const read = await readMissing(options, outlook, appId, counts, signal);
    if (read === 'conflicted') continue;
    if (read === 'locked') return { ...counts, outcome: 'locked' };
    // Also where nothing was found: a call before may have died before it came here.
    const corrected = await correctGaps(options, transaction, counts, signal);
    if (corrected === 'conflicted') continue;
    if (corrected === 'locked') return { ...counts, outcome: 'locked' };
    if (read === 'stopped') return { ...counts, outcome: 'stopped' };
    return { ...counts, outcome: counts.found + counts.corrected === 0 ? 'empty' : 'complete' };
  }
  const message = `bronze/${dataset}: others changed it during ${limits.attemptsMax} tries; run again`;
  throw new SluiceError('table_conflict', message, { context: { dataset, partitionId } });
}

/**
 * Reads what bronze lacks and the hub still retains, and commits it. The replays of a partition are numbered: one that
 * did not know of another's rows can land none of its own.
 */
async function readMissing(
  options: RangeOptions,
  { table, missing }: RangeOutlook,
  appId: string,
  counts: { found: number },
  signal: AbortSignal,
): Promise<Landed> {
  const { source, partitionId, softStop, consumerGroup, fence, bytesMax } = options;
  const retained = await source.partitionProperties(partitionId, signal);
  const flush = flushInto(options, table, appId, counts, signal);
  let held: EventBatch[] = [];
  for (const { first, last } of missing.flatMap((range) => clipped(range, retained))) {
    const request = { partitionId, consumerGroup, ownerLevel: fence, bytesMax };
    const range = { firstSequenceNumber: first, lastSequenceNumber: last };
    for await (const batch of source.receive({ ...request, ...range }, signal)) {
      held.push(batch);
      const bytes = held.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
      if (bytes < bytesMax && !softStop.aborted) continue;
      const landed = await flush(held);
      if (landed !== 'landed') return landed;
      held = [];
      if (softStop.aborted) return 'stopped';
    }
  }
  return flush(held);
}

function clipped(
  { first, last }: NumberRange,
  { firstSequenceNumber, lastSequenceNumber }: { firstSequenceNumber: number; lastSequenceNumber: number },
): NumberRange[] {
  const range = { first: Math.max(first, firstSequenceNumber), last: Math.min(last, lastSequenceNumber) };
  return range.first > range.last ? [] : [range];
}

function flushInto(
  options: RangeOptions,
  table: Snapshot,
  appId: string,
  counts: { found: number },
  signal: AbortSignal,
): (batches: readonly EventBatch[]) => Promise<Landed> {
  let base = table;
  let expected = table.transactions.get(appId);
  return async (batches) => {
    if (batches.length === 0) return 'landed';
    const add = await writeEvents(options, batches, signal);
    const next = (expected ?? 0) + 1;
    const change: Change = {
      operation: 'REPLAY',
      add,
      transactions: [{ appId, expected, next }],
      fence: options.fence,
    };
    const result = await commit(options.table, base, change, contextOf(options), signal);
    if (result.kind !== 'committed') return lost(options, result);
    base = result.snapshot;
    expected = next;
    counts.found += batches.reduce((sum, { count }) => sum + count, 0);
    return 'landed';
  };
}

/** Gaps lose the numbers that bronze has. After the rows: a crash in between leaves a number in both, and none lost. */
async function correctGaps(
  options: RangeOptions,
  transaction: string,
  counts: { corrected: number },
  signal: AbortSignal,
): Promise<Landed> {
  const outlook = await lookAtRange(options, transaction, signal);
  if (outlook?.gaps === undefined) return 'landed';
  const pieces = outlook.gapRows.map((gap) => ({ gap, left: without(gap, outlook.known) }));
  const wrong = pieces.filter(({ gap, left }) => countOf(left) < countOf([gap]));
  if (wrong.length === 0) return 'landed';
  const { gaps } = outlook;
  const paths = new Set(wrong.map(({ gap }) => gap.path));
  const add = await inGapsArea(options, gaps, signal, async (area) => {
    const all = wrong.flatMap(({ gap, left }) => left.map((piece) => ({ former: gap.first, ...piece })));
    await area.run(correctedGapsSql, {
      dataset: options.dataset,
      partition_id: Number(options.partitionId),
      paths: [...paths],
      corrected: wrong.map(({ gap }) => String(gap.first)),
      pieces: JSON.stringify(all),
    });
    return writeFiles(area, options.gaps, gapsTable, 'corrected_gaps', options.scratch, signal);
  });
  const remove = [...gaps.files.values()].filter(({ path }) => paths.has(path));
  const change: Change = { operation: 'REPLAY', remove, add, fence: options.fence };
  const result = await commit(options.gaps, gaps, change, contextOf(options), signal);
  if (result.kind !== 'committed') return lost(options, result);
  counts.corrected += wrong.reduce((sum, { gap, left }) => sum + countOf([gap]) - countOf(left), 0);
  return 'landed';
}

function lost({ log, dataset }: RangeOptions, result: CommitResult & { kind: 'conflicted' }): Landed {
  log.warn('commit lost a race', { dataset, reason: result.reason });
  return result.reason === 'fenced' ? 'locked' : 'conflicted';
}

function contextOf({ clock, runId, log }: RangeOptions) {
  return { clock, runId, log };
}
