import type { Column } from '../../schemas/contract.ts';
import { rejectedEventsTable } from '../../schemas/rejected-events.ts';
import { SluiceError } from '../base/errors.ts';
import { allOf } from '../base/side-by-side.ts';
import { checkWritable, commit, ensureTable, readSnapshot, type Change, type Snapshot } from '../delta/delta.ts';
import { contractHash, driftOf } from './contract-drift.ts';
import type { SilverOptions } from './silver.ts';

/** Table properties that tell for which business time zone and by which contract the rows were made. */
const TIME_ZONE = 'sluice.timeZone';
const CONTRACT_HASH = 'sluice.contractHash';

/** Tries to add columns while other writers commit. */
const ATTEMPTS_MAX = 5;

export type TableOptions = Pick<
  SilverOptions,
  'dataset' | 'silver' | 'rejected' | 'timeZone' | 'clock' | 'runId' | 'log' | 'fence'
>;

type Facts = Pick<SilverOptions, 'dataset' | 'silver' | 'timeZone'>;

/**
 * Both tables as they are now, created where they are not there; the silver one gains the columns of optional fields
 * that its contract gained. Nothing is written where it is other. Undefined: the lease was lost.
 */
export async function ensureTables(
  options: TableOptions,
  signal: AbortSignal,
): Promise<{ silver: Snapshot; rejected: Snapshot } | undefined> {
  const context = { clock: options.clock, runId: options.runId, log: options.log };
  const [silver, rejected] = await allOf([
    ensureSilverTable(options, signal),
    ensureTable(options.rejected, rejectedEventsTable, { context }, signal),
  ]);
  return silver === undefined ? undefined : { silver, rejected };
}

/** Both tables as they are, whatever they were made for; created where they are not there. */
export async function openTables(
  options: TableOptions,
  signal: AbortSignal,
): Promise<{ silver: Snapshot; rejected: Snapshot }> {
  const { clock, runId, log } = options;
  const context = { clock, runId, log };
  const configuration = wantedConfiguration(options);
  const silver =
    (await readSnapshot(options.silver, signal)) ??
    (await ensureTable(options.silver, options.dataset.silver, { configuration, context }, signal));
  checkWritable(options.silver, silver);
  const rejected = await ensureTable(options.rejected, rejectedEventsTable, { context }, signal);
  return { silver, rejected };
}

/** What a change that replaces all rows of the silver table has to say of the table itself. */
export function madeFor(silver: Snapshot, options: TableOptions): Pick<Change, 'configuration' | 'contract'> {
  const wanted = wantedConfiguration(options);
  const isSame = Object.entries(wanted).every(([name, value]) => silver.configuration[name] === value);
  if (isSame && driftOf(silver.contract, wanted[CONTRACT_HASH] ?? '', options.dataset).kind === 'same') return {};
  return { configuration: { ...silver.configuration, ...wanted }, contract: options.dataset.silver };
}

function wantedConfiguration({ timeZone, dataset }: TableOptions): Readonly<Record<string, string>> {
  return { [TIME_ZONE]: timeZone, [CONTRACT_HASH]: contractHash(dataset) };
}

async function ensureSilverTable(options: TableOptions, signal: AbortSignal): Promise<Snapshot | undefined> {
  const { dataset, clock, runId, log } = options;
  const context = { clock, runId, log };
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const configuration = wantedConfiguration(options);
    const silver =
      (await readSnapshot(options.silver, signal)) ??
      (await ensureTable(options.silver, dataset.silver, { configuration, context }, signal));
    checkTimeZone(silver, options);
    const gained = columnsGained(silver, options);
    checkWritable(options.silver, silver);
    if (gained.length === 0) return silver;
    const result = await commit(options.silver, silver, widening(silver, gained, options), context, signal);
    if (result.kind === 'committed') log.info('the table gains columns', { table: tableOf(options), ...named(gained) });
    else if (result.reason === 'fenced') return undefined;
  }
  const message = `${tableOf(options)}: other writers committed during ${ATTEMPTS_MAX} tries to add columns; run again`;
  throw new SluiceError('table_conflict', message, { context: { dataset: dataset.name, attempts: ATTEMPTS_MAX } });
}

/** The hash moves with the columns: both or neither. */
function widening(silver: Snapshot, gained: readonly Column[], { dataset, fence }: TableOptions): Change {
  const configuration = { ...silver.configuration, [CONTRACT_HASH]: contractHash(dataset) };
  return { operation: 'ADD COLUMNS', parameters: named(gained), addColumns: gained, configuration, fence };
}

function named(columns: readonly Column[]): { readonly columns: string } {
  return { columns: columns.map(({ name }) => name).join(', ') };
}

/** Throws `time_zone_mismatch`. */
export function checkTimeZone({ configuration }: Snapshot, options: Facts): void {
  const [table, zone, wanted] = [tableOf(options), configuration[TIME_ZONE] ?? '', options.timeZone];
  if (zone === wanted) return;
  const message =
    `${table} was built for the business time zone ${zone || 'unknown'}, and SLUICE_TIME_ZONE is ${wanted}: ` +
    `set it back, or run \`rebuild silver\``;
  throw new SluiceError('time_zone_mismatch', message, { context: { table, found: zone, expected: wanted } });
}

/** Columns that the table lacks and may get; throws `contract_changed` where it differs otherwise. */
export function columnsGained({ contract, configuration }: Snapshot, options: Facts): readonly Column[] {
  const found = configuration[CONTRACT_HASH] ?? '';
  const drift = driftOf(contract, found, options.dataset);
  if (drift.kind === 'same') return [];
  if (drift.kind === 'widened') return drift.columns;
  const [table, expected] = [tableOf(options), contractHash(options.dataset)];
  const message =
    `${table} was built by another version of its contract (${found || 'unknown'}, now ${expected}), which since ` +
    `${drift.what}: use that version, or run \`rebuild silver\``;
  throw new SluiceError('contract_changed', message, { context: { table, found, expected } });
}

function tableOf({ silver: { store, root } }: Facts): string {
  return `${store.url}/${root}`;
}
