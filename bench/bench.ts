import { parseArgs } from 'node:util';
import { cpus, totalmem } from 'node:os';
import Table from 'cli-table3';
import { gold } from './lanes/gold.ts';
import { growth } from './lanes/growth.ts';
import { drain, drainEasy, drainTls } from './lanes/drain.ts';
import { empty } from './lanes/empty.ts';
import { far } from './lanes/far.ts';
import { imports } from './lanes/imports.ts';
import type { Figure, Lane } from './lanes/lane.ts';
import { parquet } from './lanes/parquet.ts';
import { receive } from './lanes/receive.ts';
import { silver } from './lanes/silver.ts';
import { sparkDrain } from './lanes/spark-drain.ts';
import { sparkTransform } from './lanes/spark-transform.ts';
import { formatSpread } from './statistics.ts';

const LANES: readonly Lane[] = [
  drain,
  drainTls,
  drainEasy,
  empty,
  far,
  imports,
  receive,
  parquet,
  silver,
  gold,
  growth,
  sparkDrain,
  sparkTransform,
];
/** Lanes measured within another, because only what runs in turn can be compared. */
const WITHIN: Readonly<Record<string, string>> = { client: 'drain' };
const RECEIVERS = ['sdk', 'direct'];

const { values } = parseArgs({
  options: {
    lane: { type: 'string', multiple: true },
    runs: { type: 'string', default: '3' },
    events: { type: 'string', default: '1000000' },
    legs: { type: 'string', multiple: true, default: ['100000', '1000000', '10000000'] },
    receiver: { type: 'string', multiple: true },
    cores: { type: 'string' },
    profile: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const USAGE = `npm run bench -- [--lane NAME]… [--runs 3] [--events 1000000] [--legs N]…
  [--receiver sdk|direct]… [--cores N] [--profile DIR] [--json]

--cores     pins what is measured to so many processors (taskset)
--profile   leaves a CPU profile of every measured process in the folder, for Chrome's or VS Code's viewer

Lanes:`;

if (values.help) {
  console.log(USAGE);
  for (const lane of LANES) console.log(`  ${lane.name.padEnd(16)}${lane.about}`);
} else {
  process.exitCode = await main();
}

async function main(): Promise<number> {
  const wanted = (values.lane ?? LANES.filter((lane) => lane.optional !== true).map((lane) => lane.name)).map(
    (name) => WITHIN[name] ?? name,
  );
  const unknown = wanted.filter((name) => !LANES.some((lane) => lane.name === name));
  const [events, runs] = [Number(values.events), Number(values.runs)];
  const legs = values.legs.map(Number);
  const receivers = values.receiver ?? RECEIVERS;
  const cores = values.cores === undefined ? undefined : Number(values.cores);
  const measuring = { cores, profileFolder: values.profile };
  unknown.push(...receivers.filter((name) => !RECEIVERS.includes(name)));
  if (
    unknown.length > 0 ||
    !(events >= 1) ||
    !(runs >= 1) ||
    !((cores ?? 1) >= 1) ||
    !legs.every((count) => count >= 1)
  ) {
    console.error(
      `No such lane, receiver or count: ${unknown.join(', ')}. Lanes: ${LANES.map((lane) => lane.name).join(', ')}.`,
    );
    return 2;
  }
  const results: Record<string, readonly Figure[]> = {};
  for (const lane of LANES.filter(({ name }) => wanted.includes(name))) {
    results[lane.name] = await lane.run({
      events,
      runs,
      legs,
      receivers,
      measuring,
      say: (doing) => console.error(`${lane.name}: ${doing}`),
    });
  }
  console.log(
    values.json ? JSON.stringify({ machine: machine(), events, runs, results }, null, 2) : text(results, runs),
  );
  return 0;
}

function machine(): string {
  const memoryGiB = (totalmem() / 2 ** 30).toFixed(0);
  return `${cpus().length} × ${cpus()[0]?.model.trim()}, ${memoryGiB} GiB, Node ${process.version}`;
}

function text(results: Record<string, readonly Figure[]>, runs: number): string {
  const table = new Table({ head: ['lane', 'what', 'figure', 'min / median / max'], style: { head: [], border: [] } });
  for (const [lane, figures] of Object.entries(results)) {
    for (const { subject, figure, value, digits } of figures)
      table.push([lane, subject, figure, formatSpread(value, digits)]);
  }
  const note = `${machine()}; ${runs} runs, subjects in turn; CPU and memory of the measured process alone.`;
  return `${table.toString()}\n${note}`;
}
