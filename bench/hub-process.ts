import { startHub } from '../src/hub/hub.ts';

// The hub in a process of its own: it tells its connection string when it is open, and on request the CPU it has used.
// Run by bench-hub.ts with an IPC channel: node bench/hub-process.ts DATA_FOLDER HUB PARTITIONS [TLS_PORT]
const [dataFolder = '', hub = '', partitions = '4', tlsPort] = process.argv.slice(2);
const running = await startHub({
  amqpPort: 0,
  tlsPort: Number(tlsPort ?? 0),
  healthPort: 'off',
  dataFolder,
  hubs: [{ name: hub, partitionCount: Number(partitions), consumerGroups: [] }],
});
const { connectionString, tlsConnectionString, certificateFile } = running;
process.send?.({ connectionString, tlsConnectionString, certificateFile });
process.on('message', () => {
  const usage = process.cpuUsage();
  process.send?.({ cpuSeconds: (usage.user + usage.system) / 1e6 });
});
process.on('disconnect', () => process.exit());
