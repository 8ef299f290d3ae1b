import { expect, test } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { ChosenEventSource } from '../../../../src/eventhubs/chosen-source.ts';
import { parseConnection } from '../../../../src/eventhubs/connection.ts';
import { DirectEventSource } from '../../../../src/eventhubs/direct/direct-source.ts';
import { changedParts } from '../../../../src/eventhubs/direct/rhea-parts.ts';

const text = 'Endpoint=sb://localhost:1;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true';

function optionsOf(warnings: string[]) {
  const warn = (message: string, context?: object): void => void warnings.push(`${message} ${JSON.stringify(context)}`);
  const log = { debug: () => undefined, info: () => undefined, warn };
  return { connection: parseConnection(text), hub: 'h', consumerGroup: 'g', clock: systemClock, log: log as never };
}

test('the rhea that is installed has the private parts that the direct receiver touches', async () => {
  const source = new DirectEventSource(optionsOf([]));
  expect(await source.changedParts()).toEqual([]);
  await source.close();
});

test('a rhea of other parts is told by the names that changed', () => {
  expect(changedParts({})).toEqual(['_connection']);
  const noInput = { options: {}, local: { open: {} }, _register: () => undefined, socket: 1 };
  expect(changedParts({ _connection: noInput })).toEqual([
    'connection.options.transport',
    'connection.input',
    'connection.create_session',
    'connection.remove_session',
    'connection.on',
    'connection.socket',
  ]);
});

test('then the genuine client reads, and a warning says why', async () => {
  const warnings: string[] = [];
  const options = { ...optionsOf(warnings) };
  const direct = new DirectEventSource(options);
  direct.changedParts = async () => ['connection.input'];
  const source = new ChosenEventSource(options, direct);
  await expect(source.hubProperties(AbortSignal.timeout(1))).rejects.toThrow('aborted');
  await source.close();
  expect(warnings[0]).toMatch(/genuine client reads instead.*connection\.input/);
});
