import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runMeasured } from '../measured-process.ts';
import { ratios, spreadOf } from '../statistics.ts';
import type { Sample } from '../statistics.ts';
import type { Figure, Lane } from './lane.ts';

const ROWS = 500_000;
const WRITERS = ['own', 'duckdb', 'parquetjs'] as const;
const writer = new URL('../write-parquet.ts', import.meta.url).pathname;

/** Why bronze has a writer of its own: the same rows through those it was chosen over. */
export const parquet: Lane = {
  name: 'parquet',
  about: `${ROWS} bronze rows to one Parquet file: src/parquet and DuckDB (zstd 1), @dsnp/parquetjs 1.8.9 (snappy)`,
  async run({ runs, say }) {
    const samples = { own: [] as Sample[], duckdb: [] as Sample[], parquetjs: [] as Sample[] };
    const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-parquet-'));
    try {
      for (let run = 0; run < runs; run++) {
        for (const name of WRITERS) {
          say(`run ${run + 1} of ${runs}: ${name}`);
          samples[name].push(await write(name, join(folder, `${name}.parquet`)));
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return figures(samples);
  },
};

/** The writer tells its own seconds, from rows in memory to a closed file: making the rows is not counted. */
async function write(name: string, file: string): Promise<Sample> {
  rmSync(file, { force: true });
  const { sample, stdout } = await runMeasured([writer, name, String(ROWS), file], {});
  const own = JSON.parse(stdout) as { wallSeconds: number; cpuSeconds: number; bytes: number; rows: number };
  if (own.rows !== ROWS) throw new Error(`${name} wrote ${own.rows} of ${ROWS} rows`);
  return {
    peak_rss_mib: sample['peak_rss_mib'] ?? Number.NaN,
    rows_per_s: ROWS / own.wallSeconds,
    write_cpu_s: own.cpuSeconds,
    file_mb: own.bytes / 1e6,
  };
}

function figures(samples: Record<(typeof WRITERS)[number], Sample[]>): Figure[] {
  const names = ['rows_per_s', 'write_cpu_s', 'file_mb', 'peak_rss_mib'];
  return names.flatMap((figure) => [
    ...WRITERS.map((name) => ({
      subject: name,
      figure,
      value: spreadOf(samples[name], figure),
      digits: figure === 'rows_per_s' ? 0 : 2,
    })),
    ...(['duckdb', 'parquetjs'] as const).map((name) => ({
      subject: `own ÷ ${name}`,
      figure,
      value: ratios(samples.own, samples[name], figure),
      digits: 2,
    })),
  ]);
}
