import { createHash } from 'node:crypto';
import type { DatasetContract } from '../../schemas/contract.ts';
import { rejectedEventsTable } from '../../schemas/rejected-events.ts';
import { SluiceError } from '../base/errors.ts';
import { checkWritable, ensureTable, readSnapshot, type Snapshot, type TableLocation } from '../delta/delta.ts';
import type { SilverOptions } from './silver.ts';

/** Table properties that tell for which business time zone and by which contract the rows were made. */
const TIME_ZONE = 'sluice.timeZone';
const CONTRACT_HASH = 'sluice.contractHash';

/** Both tables as they are now, created where they are not there. Nothing is written where the silver one is other. */
export async function ensureTables(
  options: Pick<SilverOptions, 'dataset' | 'silver' | 'rejected' | 'timeZone' | 'clock' | 'runId'>,
  signal: AbortSignal,
): Promise<{ silver: Snapshot; rejected: Snapshot }> {
  const { dataset, timeZone } = options;
  const context = { clock: options.clock, runId: options.runId };
  const configuration = { [TIME_ZONE]: timeZone, [CONTRACT_HASH]: contractHash(dataset) };
  const found = await readSnapshot(options.silver, signal);
  if (found !== undefined) checkConfiguration(found, configuration, options.silver);
  const silver = found ?? (await ensureTable(options.silver, dataset.silver, { configuration, context }, signal));
  // Another run may have been faster, and of another mind.
  checkConfiguration(silver, configuration, options.silver);
  checkWritable(options.silver, silver);
  const rejected = await ensureTable(options.rejected, rejectedEventsTable, { context }, signal);
  return { silver, rejected };
}

/** What decides which columns and rows a silver table has, the SQL of its model aside. */
function contractHash({ name, fields, key, group, dayColumn, silver }: DatasetContract): string {
  const { columns, partitionColumns } = silver;
  const facts = JSON.stringify({ name, fields, key, group, dayColumn, columns, partitionColumns });
  return createHash('sha256').update(facts).digest('hex').slice(0, 16);
}

function checkConfiguration(
  { configuration }: Snapshot,
  wanted: Readonly<Record<string, string>>,
  { store, root }: TableLocation,
): void {
  const table = `${store.url}/${root}`;
  const [zone, wantedZone] = [configuration[TIME_ZONE] ?? '', wanted[TIME_ZONE] ?? ''];
  if (zone !== wantedZone) {
    const message =
      `${table} was built for the business time zone ${zone || 'unknown'}, and SLUICE_TIME_ZONE is ${wantedZone}: ` +
      `set it back, or run \`rebuild silver\``;
    throw new SluiceError('time_zone_mismatch', message, { context: { table, found: zone, expected: wantedZone } });
  }
  const [hash, wantedHash] = [configuration[CONTRACT_HASH] ?? '', wanted[CONTRACT_HASH] ?? ''];
  if (hash !== wantedHash) {
    const message =
      `${table} was built by another version of its contract (${hash || 'unknown'}, now ${wantedHash}): ` +
      `use that version, or run \`rebuild silver\``;
    throw new SluiceError('contract_changed', message, { context: { table, found: hash, expected: wantedHash } });
  }
}
