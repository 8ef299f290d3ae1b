import { filled, quotedText } from '../base/identifiers.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';

const zoneOffsetsSql = sqlFile(new URL('statements/zone-offsets.sql', import.meta.url));

const DAY_MS = 86_400_000;
const limits = {
  /** Days around now whose offsets are looked up beforehand; those of other instants DuckDB works out each time. */
  daysBefore: 400,
  daysAfter: 40,
} as const;

/**
 * Defines `local_date(instant)` on the work area: the date of a TIMESTAMPTZ in the business time zone, as `AT TIME
 * ZONE` has it (domain section 3). Of instants near now it costs an addition, where `AT TIME ZONE` asks a calendar.
 */
export async function defineLocalDate(area: Database, timeZone: string, nowMs: number): Promise<void> {
  const today = nowMs - (nowMs % DAY_MS);
  const [from, to] = [today - limits.daysBefore * DAY_MS, today + limits.daysAfter * DAY_MS].map(
    (ms) => BigInt(ms) * 1000n,
  ) as [bigint, bigint];
  const offsets = await offsetsOf(area, timeZone, from, to);
  const cases = offsets.map(({ us, shift }, at) => {
    // The last day is the last that was looked at.
    const end = offsets[at + 1]?.us ?? to - BigInt(DAY_MS) * 1000n;
    const isWithin = `instant >= make_timestamptz(${us}) AND instant < make_timestamptz(${end})`;
    return `WHEN ${isWithin} THEN make_timestamp(epoch_us(instant) + ${shift})::DATE`;
  });
  await area.run(`CREATE OR REPLACE MACRO local_date(instant) AS
    CASE ${cases.join(' ')} ELSE (instant::TIMESTAMPTZ AT TIME ZONE ${quotedText(timeZone)})::DATE END`);
}

interface Offset {
  /** From this instant on, in microseconds. */
  readonly us: bigint;
  readonly shift: bigint;
}

/** Those that were looked up in this process: they are the same for every dataset. */
const lookedUp = new Map<string, Promise<Offset[]>>();

function offsetsOf(area: Database, timeZone: string, from: bigint, to: bigint): Promise<Offset[]> {
  const name = `${timeZone} ${from} ${to}`;
  const known = lookedUp.get(name);
  if (known !== undefined) return known;
  const found = lookUpOffsets(area, timeZone, from, to);
  lookedUp.set(name, found);
  found.catch(() => lookedUp.delete(name));
  return found;
}

async function lookUpOffsets(area: Database, timeZone: string, from: bigint, to: bigint): Promise<Offset[]> {
  const sql = filled(zoneOffsetsSql, { time_zone: quotedText(timeZone) });
  const daily = await area.rows<{ us: bigint; shift: bigint }>(sql, { from_us: from, to_us: to });
  return daily.filter(({ shift }, at) => shift !== daily[at - 1]?.shift);
}
