import { parseArgs } from 'node:util';
import { parseBytes } from '../../src/cli/units.ts';
import { measureDrain } from '../support/measured-drain.ts';

// One run over as many events as are asked for, in a process of its own: ends with 1 where its memory passed the
// budget. `node test/memory/drain.ts --events 5000000 [--partitions 4] [--body-bytes 300] [--memory 350MiB]
// [--to bronze|gold] [--runs 1] [--huge]`; --huge puts all events into the first partition.
const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '5000000' },
    partitions: { type: 'string', default: '4' },
    'body-bytes': { type: 'string', default: '300' },
    memory: { type: 'string', default: '350MiB' },
    to: { type: 'string', default: 'bronze' },
    runs: { type: 'string', default: '1' },
    huge: { type: 'boolean', default: false },
  },
});

const [events, partitions, bodyBytes] = [values.events, values.partitions, values['body-bytes']].map(Number) as [
  number,
  number,
  number,
];
const counts = Array.from({ length: partitions }, (_, index) => {
  if (values.huge) return index === 0 ? events : 0;
  return Math.floor(events / partitions) + (index < events % partitions ? 1 : 0);
});
const budgetMiB = (parseBytes(values.memory) ?? Number.NaN) / 2 ** 20;
const peaks: number[] = [];
for (let run = 0; run < Number(values.runs); run++) {
  const to = values.to === 'gold' ? 'gold' : 'bronze';
  const { receipt, peakRssBytes, cpuSeconds } = await measureDrain({ counts, bodyBytes, memory: values.memory, to });
  const rows = receipt.hubs.flatMap((hub) => hub.partitions).reduce((sum, partition) => sum + partition.rows, 0);
  if (rows !== events) throw new Error(`${rows} rows of ${events} events`);
  peaks.push(peakRssBytes / 2 ** 20);
  const facts = { events, peakRssMiB: Math.round(peaks.at(-1) ?? 0), cpuSeconds, seconds: receipt.seconds };
  process.stdout.write(`${JSON.stringify({ ...facts, files: receipt.hubs[0]?.files })}\n`);
}
peaks.sort((a, b) => a - b);
const [least, middle, greatest] = [0, (peaks.length - 1) >> 1, peaks.length - 1].map((at) =>
  Math.round(peaks[at] ?? 0),
);
process.stdout.write(`peak RSS MiB min/median/max ${least}/${middle}/${greatest}, budget ${budgetMiB}\n`);
process.exitCode = (greatest ?? 0) <= budgetMiB ? 0 : 1;
