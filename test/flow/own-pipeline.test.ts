import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { correctionsOfDay, readingsOfDay, type Reading } from '../../examples/iot-readings/readings-of-day.ts';
import { query, sluice, startLocalHub, temporaryFolder, type LocalHub } from '../support/sluice-process.ts';

const example = fileURLToPath(new URL('../../examples/iot-readings/', import.meta.url));
const home = temporaryFolder();
/** The second day has 23 hours in Lisbon, and what is measured at 23:00 UTC belongs to the next one. */
const DAYS = ['2026-03-28', '2026-03-29'] as const;
let hub: LocalHub;
let settings: Record<string, string>;

beforeAll(async () => {
  settings = {
    SLUICE_PIPELINE: path.join(example, 'pipeline.ts'),
    SLUICE_LAKE: path.join(home.folder, 'lake'),
    SLUICE_TIME_ZONE: 'Europe/Lisbon',
  };
  hub = await startPipelineHub();
  settings['SLUICE_EVENTHUBS'] = hub.connectionString;
});
afterAll(async () => {
  await hub.stop();
  home.remove();
});

/** `sluice hub` with the example's hub. */
function startPipelineHub(): Promise<LocalHub> {
  const config = path.join(home.folder, 'Config.json');
  const entity = { Name: 'readings', PartitionCount: 2, ConsumerGroups: [] };
  const namespace = { Type: 'EventHub', Name: 'emulatorNs1', Entities: [entity] };
  writeFileSync(config, JSON.stringify({ UserConfig: { NamespaceConfig: [namespace] } }));
  return startLocalHub(home.folder, ['--config', config]);
}

function send(...flags: string[]): void {
  const script = path.join(example, 'send-readings.ts');
  const sent = spawnSync(process.execPath, [script, ...flags], {
    env: { ...process.env, ...settings },
    encoding: 'utf8',
  });
  if (sent.status !== 0) throw new Error(sent.stderr);
}

async function command(...args: string[]) {
  const finished = await sluice(args, { folder: home.folder, settings });
  if (finished.exitCode !== 0) throw new Error(finished.stderr);
  return finished.stdout;
}

const run = async () => JSON.parse(await command('ingest-once', '--json')) as RunReceipt;
interface RunReceipt {
  readonly silver: readonly { readonly table: string; readonly written: number; readonly superseded: number }[];
  readonly gold: readonly { readonly daysRewritten: readonly string[] }[];
}

type Sites = ReadonlyMap<string, string>;

function sitesOf(csv: string): Sites {
  const rows = csv.trim().split('\n').slice(1);
  return new Map(rows.map((row) => row.split(',') as [string, string]));
}

/** Half away from zero, to two places. */
function ratio(part: number, whole: number): string | null {
  if (whole === 0) return null;
  const hundredths = Math.sign(part) * Math.round((Math.abs(part) * 100) / whole);
  return (hundredths / 100).toFixed(2);
}

/** The view by plain loops, from every event ever sent. */
function slowly(events: readonly Reading[], sites: Sites) {
  const winners = new Map<string, Reading>();
  for (const event of events) {
    const known = winners.get(event.reading_id);
    if (known === undefined || event.produced_at > known.produced_at) winners.set(event.reading_id, event);
  }
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Lisbon', dateStyle: 'short' });
  const groups = Map.groupBy(winners.values(), ({ measured_at, sensor_id }) =>
    JSON.stringify([format.format(Date.parse(measured_at)), sites.get(sensor_id) ?? null]),
  );
  const rows = [...groups].map(([key, members]) => {
    const [date, site] = JSON.parse(key) as [string, string | null];
    const milli = members.map(({ temperature_milli }) => temperature_milli);
    const humidity = members.flatMap(({ humidity_percent }) => humidity_percent ?? []);
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
    return {
      date,
      site,
      readings: members.length,
      sensors: new Set(members.map(({ sensor_id }) => sensor_id)).size,
      mean_celsius: ratio(sum(milli), 1000 * milli.length),
      lowest_celsius: ratio(Math.min(...milli), 1000),
      highest_celsius: ratio(Math.max(...milli), 1000),
      mean_humidity_percent: ratio(sum(humidity), humidity.length),
    };
  });
  return rows.toSorted((a, b) => (`${a.date}${a.site ?? '~'}` < `${b.date}${b.site ?? '~'}` ? -1 : 1));
}

function siteDaily() {
  return query(
    `SELECT date::VARCHAR AS date, site, readings::INTEGER AS readings, sensors::INTEGER AS sensors,
       mean_celsius::VARCHAR AS mean_celsius, lowest_celsius::VARCHAR AS lowest_celsius,
       highest_celsius::VARCHAR AS highest_celsius, mean_humidity_percent::VARCHAR AS mean_humidity_percent
     FROM gold.site_daily ORDER BY date, coalesce(site, '~')`,
    { folder: home.folder, settings },
  );
}

const sensorsFile = path.join(example, 'sensors.csv');
const sites = sitesOf(readFileSync(sensorsFile, 'utf8'));
const days = DAYS.flatMap(readingsOfDay);

test('a pipeline of one’s own: readings of two days become gold rows as plain loops make them', async () => {
  for (const day of DAYS) send('--day', day);
  await command('load', 'sensors', sensorsFile);
  const receipt = await run();
  expect(receipt.silver).toMatchObject([{ table: 'silver/readings', written: days.length, superseded: 0 }]);
  const expected = slowly(days, sites);
  expect(expected.map(({ date }) => date)).toContain('2026-03-30');
  expect(expected.map(({ site }) => site)).toContain(null);
  expect(await siteDaily()).toEqual(expected);
});

test('late corrections change the days they bear on, and no others', async () => {
  send('--day', DAYS[0], '--corrections');
  const corrections = correctionsOfDay(DAYS[0]);
  const receipt = await run();
  expect(receipt.silver).toMatchObject([{ written: corrections.length, superseded: corrections.length }]);
  expect(receipt.gold[0]?.daysRewritten).toEqual(['2026-03-28']);
  expect(await siteDaily()).toEqual(slowly([...days, ...corrections], sites));
  // The original once more, late: an older version changes nothing.
  send('--day', DAYS[0]);
  expect((await run()).gold[0]?.daysRewritten).toEqual([]);
  expect(await siteDaily()).toEqual(slowly([...days, ...corrections], sites));
});

test('a sensor that moves takes its days with it', async () => {
  const moved = path.join(home.folder, 'moved.csv');
  writeFileSync(moved, readFileSync(sensorsFile, 'utf8').replace('s05,Faro', 's05,Porto'));
  await command('load', 'sensors', moved);
  expect((await run()).gold[0]?.daysRewritten).toEqual(['2026-03-28', '2026-03-29', '2026-03-30']);
  const corrected = [...days, ...correctionsOfDay(DAYS[0])];
  expect(await siteDaily()).toEqual(slowly(corrected, sitesOf(readFileSync(moved, 'utf8'))));
});
