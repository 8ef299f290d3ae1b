import { z } from 'zod';
import { agentDailyTable } from './agent-daily.ts';
import { agentsContract } from './agents.ts';
import { bronzeTable } from './bronze-table.ts';
import { callLegsContract } from './call-legs.ts';
import type { Column, ColumnType, DimensionContract, EventContract, TableContract } from './contract.ts';
import { customersContract } from './customers.ts';
import { gapsTable } from './gaps-table.ts';
import { ivrCallsContract } from './ivr-calls.ts';
import { queueDailyTable } from './queue-daily.ts';
import { rejectedEventsTable } from './rejected-events.ts';
import { surveysContract } from './surveys.ts';

const EVENTS: readonly EventContract[] = [ivrCallsContract, callLegsContract, surveysContract];
const DIMENSIONS: readonly DimensionContract[] = [agentsContract, customersContract];

const TYPES: Readonly<Record<Exclude<ColumnType, `decimal${string}`>, object>> = {
  string: { type: 'string' },
  long: { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
  integer: { type: 'integer', minimum: -(2 ** 31), maximum: 2 ** 31 - 1 },
  boolean: { type: 'boolean' },
  timestamp: { type: 'string', format: 'date-time' },
  date: { type: 'string', format: 'date' },
};

/** JSON Schemas of every event, dimension row and table, by file name. `npm run generate` writes them. */
export function jsonSchemas(): ReadonlyMap<string, object> {
  const tables: readonly (readonly [string, TableContract])[] = [
    ['bronze', bronzeTable],
    ...EVENTS.map(({ name, silver }) => [`silver.${name}`, silver] as const),
    ['silver.rejected_events', rejectedEventsTable],
    ...DIMENSIONS.map(({ name, table }) => [`silver.${name}`, table] as const),
    ['gold.agent_daily', agentDailyTable],
    ['gold.queue_daily', queueDailyTable],
    ['gaps', gapsTable],
  ];
  return new Map([
    ...EVENTS.map(({ name, event }) => [`event.${name}.json`, described(event, `Event of the hub ${name}`)] as const),
    ...DIMENSIONS.map(({ name, row }) => [`row.${name}.json`, described(row, `Row given to load ${name}`)] as const),
    ...tables.map(([name, table]) => [`table.${name}.json`, tableSchema(`Row of the table ${name}`, table)] as const),
  ]);
}

function described(schema: z.ZodType, title: string): object {
  return { title, ...z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) };
}

function tableSchema(title: string, table: TableContract): object {
  return {
    title,
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: Object.fromEntries(table.columns.map((column) => [column.name, columnSchema(column)])),
    required: table.columns.map(({ name }) => name),
    additionalProperties: false,
    'x-partition-columns': table.partitionColumns,
  };
}

// Every column of a Delta table is nullable, and its own type is told beside the nearest one of JSON.
function columnSchema({ type }: Column): object {
  const json = type.startsWith('decimal') ? { type: 'number' } : TYPES[type as keyof typeof TYPES];
  return { anyOf: [json, { type: 'null' }], 'x-delta-type': type };
}
