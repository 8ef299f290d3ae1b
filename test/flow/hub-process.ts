/** A hub in a process of its own, to be killed: `node hub-process.ts FOLDER PORT` prints its connection string. */
import { startHub } from '../../src/hub/hub.ts';

const [dataFolder = '', port = '0'] = process.argv.slice(2);
const hub = await startHub({
  amqpPort: Number(port),
  tlsPort: 'off',
  healthPort: 'off',
  dataFolder,
  hubs: [{ name: 'ivr_calls', partitionCount: 4, consumerGroups: [] }],
});
process.stdout.write(`${hub.connectionString}\n`);
