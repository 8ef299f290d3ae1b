import { startBenchHub } from '../bench-hub.ts';
import type { BenchHub } from '../bench-hub.ts';
import { runMeasured } from '../measured-process.ts';
import { ratios, spreadOf } from '../statistics.ts';
import type { Sample } from '../statistics.ts';
import type { Figure, Lane } from './lane.ts';

const PARTITIONS = 4;
const counter = new URL('../count-with-source.ts', import.meta.url).pathname;

const RECEIVERS = ['direct', 'sdk'] as const;
const TRANSPORTS = ['plain', 'TLS'] as const;

/** Our two receivers behind the same door, over plain AMQP and TLS, in turn against one hub with the same events. */
export const receive: Lane = {
  name: 'receive',
  about: 'AMQP to columns in memory: the direct receiver beside the genuine client, plain and TLS',
  async run({ events, runs, say }) {
    const hub = await startBenchHub(PARTITIONS);
    const samples: Record<string, Sample[]> = {};
    try {
      say(`filling the hub with ${events} events`);
      await hub.fill(events);
      for (let run = 0; run < runs; run++) {
        say(`run ${run + 1} of ${runs}`);
        for (const transport of TRANSPORTS) {
          for (const receiver of RECEIVERS) {
            (samples[`${receiver}, ${transport}`] ??= []).push(await count(hub, events, receiver, transport));
          }
        }
      }
    } finally {
      await hub.stop();
    }
    return figures(samples);
  },
};

async function count(
  hub: BenchHub,
  events: number,
  receiver: (typeof RECEIVERS)[number],
  transport: (typeof TRANSPORTS)[number],
): Promise<Sample> {
  const connection = transport === 'TLS' ? hub.tlsConnectionString : hub.connectionString;
  const env = { NODE_EXTRA_CA_CERTS: hub.certificateFile };
  const { sample } = await runMeasured([counter, connection, hub.hub, String(events), receiver], env);
  return {
    ...sample,
    cpu_us_per_event: (sample['cpu_s'] ?? Number.NaN) * (1e6 / events),
    events_per_s: events / (sample['wall_s'] ?? Number.NaN),
  };
}

function figures(samples: Readonly<Record<string, readonly Sample[]>>): Figure[] {
  const rows: Figure[] = [];
  for (const [subject, from] of Object.entries(samples)) {
    rows.push({ subject, figure: 'cpu_us_per_event', value: spreadOf(from, 'cpu_us_per_event'), digits: 2 });
    rows.push({ subject, figure: 'events_per_s', value: spreadOf(from, 'events_per_s'), digits: 0 });
    rows.push({ subject, figure: 'peak_rss_mib', value: spreadOf(from, 'peak_rss_mib'), digits: 0 });
  }
  for (const transport of TRANSPORTS) {
    const [direct = [], sdk = []] = RECEIVERS.map((receiver) => samples[`${receiver}, ${transport}`]);
    const value = ratios(direct, sdk, 'cpu_us_per_event');
    rows.push({ subject: `direct ÷ sdk, ${transport}`, figure: 'cpu_us_per_event', value, digits: 2 });
  }
  return rows;
}
