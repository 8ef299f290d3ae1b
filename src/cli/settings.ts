import type { Setting } from '../base/options.ts';

/** Every setting, declared once: `sluice config`, docs/settings.md and the checks of src/cli/configuration.ts. */
export const SETTINGS: readonly Setting[] = [
  {
    name: 'SLUICE_EVENTHUBS',
    kind: 'process',
    type: 'text',
    required: true,
    secret: true,
    prose:
      'The namespace: a connection string without `EntityPath` (`UseDevelopmentEmulator=true` with a port too), or ' +
      '`NAME.servicebus.windows.net` with Entra ID. `start` fills in its local hub.',
  },
  {
    name: 'SLUICE_HUBS',
    kind: 'process',
    type: 'list',
    prose: "Hub names other than the datasets': `ivr_calls=evh_ura,surveys=evh_surveys`.",
  },
  {
    name: 'SLUICE_LAKE',
    kind: 'process',
    type: 'url',
    required: true,
    prose:
      'Where the tables are: a folder, a `file:` URL, `https://ACCOUNT.blob.core.windows.net/CONTAINER[/PREFIX]` or ' +
      '`abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX`. Unset, commands that only read use `.sluice/lake` ' +
      'if it is there.',
  },
  {
    name: 'AZURE_STORAGE_CONNECTION_STRING',
    kind: 'process',
    type: 'text',
    secret: true,
    prose: 'Used for the lake and the checkpoints where it names their account (Azurite too); else Entra ID.',
  },
  {
    name: 'SLUICE_CHECKPOINTS',
    kind: 'process',
    type: 'url',
    prose: "Container URL or folder of the checkpoints; unset: `_checkpoints` beside the lake's tables.",
  },
  {
    name: 'SLUICE_CONSUMER_GROUP',
    kind: 'process',
    type: 'text',
    default: '$Default',
    prose: 'Consumer group. Our readers carry an epoch and put off every other reader of it: give Sluice its own.',
  },
  {
    name: 'SLUICE_TIME_ZONE',
    kind: 'data',
    type: 'text',
    default: 'America/Sao_Paulo',
    prose: "Business time zone, an IANA name. Kept in the tables' properties; to change it, rebuild the tables.",
  },
  {
    name: 'SLUICE_ON_LOSS',
    kind: 'data',
    type: 'choice',
    choices: ['fail', 'record'],
    default: 'fail',
    prose: 'Events that expired before they were read: `fail` with exit 3, or `record` the gap and go on.',
  },
  {
    name: 'SLUICE_START',
    kind: 'data',
    type: 'choice',
    choices: ['earliest', 'latest'],
    default: 'earliest',
    prose: 'Where a partition that was never read begins.',
  },
  {
    name: 'SLUICE_RECEIVER',
    kind: 'process',
    type: 'choice',
    choices: ['direct', 'sdk'],
    default: 'direct',
    prose:
      'Who parses the frames of events: `direct`, a parser of our own below the connection of the genuine client, or ' +
      '`sdk`, the genuine client alone, which takes several times the CPU.',
  },
  {
    name: 'SLUICE_TRANSPORT',
    kind: 'process',
    type: 'choice',
    choices: ['tcp', 'websocket'],
    default: 'tcp',
    prose:
      'How AMQP travels: `tcp` by port 5671, or `websocket` by port 443 and through the proxy that `HTTPS_PROXY` ' +
      'names, except to the hosts of `NO_PROXY`. Over WebSockets the genuine client reads, whatever ' +
      '`SLUICE_RECEIVER` says.',
  },
  {
    name: 'SLUICE_MEMORY',
    kind: 'process',
    type: 'bytes',
    prose:
      'Byte budget of a run, `1GiB` for instance; less than `320MiB` counts as that. Unset: 70 % of the ' +
      "container's limit, at most 4GiB.",
  },
  {
    name: 'SLUICE_THREADS',
    kind: 'process',
    type: 'count',
    prose: 'Threads of DuckDB, 1 to 256; unset: the processors at hand, at most 8.',
  },
  {
    name: 'SLUICE_SCRATCH',
    kind: 'process',
    type: 'text',
    prose:
      'Folder and size of the scratch disk, `/scratch:20GB` for instance; unset: a folder of the temporary folder, ' +
      'with `10GiB`.',
  },
  {
    name: 'SLUICE_LEASE',
    kind: 'process',
    type: 'duration',
    default: '30s',
    prose: 'How long a run that gives no sign of life keeps the lake, from 1s to 1h.',
  },
  {
    name: 'SLUICE_LOG',
    kind: 'process',
    type: 'choice',
    choices: ['debug', 'info', 'warn'],
    default: 'info',
    prose: 'The least that is logged on stderr: text on a terminal, JSON lines elsewhere.',
  },
  {
    name: 'SLUICE_PIPELINE',
    kind: 'data',
    type: 'text',
    prose: 'A module whose export `pipeline` describes another pipeline; unset: the call centre.',
  },
];
