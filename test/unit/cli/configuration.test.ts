import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES, SluiceError } from '../../../src/base/errors.ts';
import { readConfiguration, unknownSettings } from '../../../src/cli/configuration.ts';
import { chosenDatasets, hubNameOf } from '../../../src/cli/hub-sources.ts';
import { SETTINGS } from '../../../src/cli/settings.ts';
import { callCentre } from '../../../src/pipeline.ts';

const page = (name: string): string => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');

function refused(environment: Record<string, string>): string {
  try {
    readConfiguration(environment);
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'configuration') return error.message;
    throw error;
  }
  throw new Error('no error');
}

describe('a setting that is wrong is refused by its name with what to do', () => {
  const cases: [string, string, RegExp][] = [
    ['SLUICE_TIME_ZONE', 'America/Sao_Paolo', /did you mean America\/Sao_Paulo/],
    ['SLUICE_TIME_ZONE', '-03:00', /no time zone/],
    ['SLUICE_ON_LOSS', 'recrod', /did you mean record/],
    ['SLUICE_START', 'newest', /earliest or latest/],
    ['SLUICE_RECEIVER', 'own', /direct or sdk/],
    ['SLUICE_TRANSPORT', 'http', /tcp or websocket/],
    ['SLUICE_MEMORY', 'much', /1GiB/],
    ['SLUICE_MEMORY', '1MB', /at least 128MiB/],
    ['SLUICE_THREADS', '0', /1 to 256/],
    ['SLUICE_SCRATCH', '/x:1KB', /at least 64MiB/],
    ['SLUICE_LEASE', '30', /1s to 1h/],
    ['SLUICE_LOG', 'loud', /debug or info or warn/],
    ['SLUICE_HUBS', 'ivr_calls', /DATASET=HUB/],
    ['SLUICE_LAKE', '', /is empty/],
    ['SLUICE_LAKE', 's3://bucket/lake', /no kind of lake.*https:/],
    ['SLUICE_CHECKPOINTS', ' ', /is empty/],
    ['SLUICE_CHECKPOINTS', 'https://account.blob.core.windows.net', /names no container/],
    ['SLUICE_CONSUMER_GROUP', '', /is empty/],
    ['SLUICE_EVENTHUBS', '', /is empty/],
    ['AZURE_STORAGE_CONNECTION_STRING', '', /is empty/],
    ['SLUICE_PIPELINE', '', /is empty/],
  ];
  test.each(cases)('%s=%s', (name, value, message) => {
    const found = refused({ [name]: value });
    expect(found).toContain(name);
    expect(found).toMatch(message);
  });
});

test('the way to Event Hubs: TCP by default, and of the variables of a proxy those that say something', () => {
  expect(readConfiguration({}).route).toEqual({ transport: 'tcp', proxy: {} });
  const given = {
    SLUICE_TRANSPORT: 'websocket',
    https_proxy: 'http://p:1',
    HTTPS_PROXY: '',
    NO_PROXY: 'a,b',
    HTTP_PROXY: 'x',
  };
  expect(readConfiguration(given).route).toEqual({
    transport: 'websocket',
    proxy: { https_proxy: 'http://p:1', NO_PROXY: 'a,b' },
  });
});

test('values come in their units', () => {
  const environment = {
    SLUICE_MEMORY: '1.5GiB',
    SLUICE_THREADS: '3',
    SLUICE_SCRATCH: '/scratch:20GB',
    SLUICE_LEASE: '5s',
    SLUICE_HUBS: 'ivr_calls=evh_ura, surveys = evh_s',
  };
  const configuration = readConfiguration(environment);
  expect(configuration).toMatchObject({
    memoryBytesMax: 1.5 * 2 ** 30,
    threads: 3,
    leaseMs: 5000,
    scratch: { folder: '/scratch', bytesMax: 20e9 },
    timeZone: 'America/Sao_Paulo',
    onLoss: 'fail',
    start: 'earliest',
    consumerGroup: '$Default',
    lake: undefined,
  });
  const hubName = hubNameOf(configuration, callCentre);
  expect(callCentre.datasets.map(({ name }) => hubName(name))).toEqual(['evh_ura', 'call_legs', 'evh_s']);
});

test('a dataset that the pipeline does not have is refused in SLUICE_HUBS', () => {
  const configuration = readConfiguration({ SLUICE_HUBS: 'ivr_call=x' });
  expect(() => hubNameOf(configuration, callCentre)).toThrow(/SLUICE_HUBS.*did you mean ivr_calls/);
});

test('--hub takes the names of datasets and of hubs, and names the nearest of an unknown one', () => {
  const hubName = hubNameOf(readConfiguration({ SLUICE_HUBS: 'ivr_calls=evh_ura' }), callCentre);
  const names = (wanted?: string[]) => chosenDatasets(wanted, callCentre, hubName).map(({ name }) => name);
  expect(names()).toEqual(['ivr_calls', 'call_legs', 'surveys']);
  expect(names(['evh_ura', 'surveys'])).toEqual(['ivr_calls', 'surveys']);
  expect(() => names(['survey'])).toThrow(/unknown hub 'survey'; did you mean surveys/);
});

test('a variable that begins like a setting and is none is named with the nearest', () => {
  expect(unknownSettings({ SLUICE_LAKES: 'x', PATH: '/' })).toEqual([
    'SLUICE_LAKES is no setting; did you mean SLUICE_LAKE?',
  ]);
});

test('docs/settings.md says of every setting what the table says', () => {
  const rows = page('settings.md').split('\n');
  for (const { name, kind, default: value, prose } of SETTINGS) {
    const row = rows.find((line) => line.startsWith(`| \`${name}\` |`)) ?? '';
    expect(row).toContain(`| ${kind}`);
    expect(row).toContain(prose);
    expect(row).toContain(value === undefined ? '' : `| \`${value}\` |`);
  }
  expect(rows.filter((line) => line.startsWith('| `'))).toHaveLength(SETTINGS.length);
});

test('docs/errors.md says of every code its exit code, whether a retry helps, and its meaning', () => {
  const rows = page('errors.md').split('\n');
  for (const [name, { exitCode, retryable, meaning }] of Object.entries(ERROR_CODES)) {
    expect(rows).toContain(`| \`${name}\` | ${exitCode} | ${retryable ? 'yes' : 'no'} | ${meaning} |`);
  }
  expect(rows.filter((line) => line.startsWith('| `'))).toHaveLength(Object.keys(ERROR_CODES).length);
});
