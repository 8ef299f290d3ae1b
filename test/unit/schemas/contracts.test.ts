import { describe, expect, test } from 'vitest';
import { agentDailyTable } from '../../../schemas/agent-daily.ts';
import { agentsContract } from '../../../schemas/agents.ts';
import { bronzeTable } from '../../../schemas/bronze-table.ts';
import { callLegsContract } from '../../../schemas/call-legs.ts';
import type { TableContract } from '../../../schemas/contract.ts';
import { customersContract } from '../../../schemas/customers.ts';
import { gapsTable } from '../../../schemas/gaps-table.ts';
import { ivrCallsContract } from '../../../schemas/ivr-calls.ts';
import { queueDailyTable } from '../../../schemas/queue-daily.ts';
import { rejectedEventsTable } from '../../../schemas/rejected-events.ts';
import { surveysContract } from '../../../schemas/surveys.ts';

const columns = (table: TableContract): string => table.columns.map(({ name, type }) => `${name} ${type}`).join(', ');

const ORIGIN = 'enqueued_at timestamp, partition_id integer, sequence_number long, loaded_at timestamp';
const SPAN = 'start_date date, end_date date, period integer';

describe('the tables have the columns of the domain page and no others', () => {
  test.each([
    [
      'bronze',
      bronzeTable,
      'body string, body_base64 string, properties string, partition_id integer, sequence_number long, ' +
        'offset string, enqueued_at timestamp, partition_key string, ingested_at timestamp, run_id string, ' +
        'ingestion_date date',
      ['ingestion_date'],
    ],
    [
      'gaps',
      gapsTable,
      'dataset string, partition_id integer, first_sequence_number long, last_sequence_number long, reason string, ' +
        'found_at timestamp, run_id string',
      [],
    ],
    [
      'silver.ivr_calls',
      ivrCallsContract.silver,
      'event_id string, produced_at timestamp, call_id string, customer_id long, started_at timestamp, ' +
        'ended_at timestamp, authenticated boolean, options_navigated integer, option_code string, ' +
        `transferred boolean, queue_id string, ${ORIGIN}, ${SPAN}`,
      ['start_date'],
    ],
    [
      'silver.call_legs',
      callLegsContract.silver,
      'event_id string, produced_at timestamp, call_id string, leg_id string, customer_id long, agent_id integer, ' +
        `started_at timestamp, ended_at timestamp, area string, ${ORIGIN}, ${SPAN}, is_transfer boolean, ` +
        'is_improper_transfer boolean',
      ['start_date'],
    ],
    [
      'silver.surveys',
      surveysContract.silver,
      'event_id string, produced_at timestamp, survey_id string, call_id string, sent_at timestamp, score integer, ' +
        `${ORIGIN}, sent_date date, period integer`,
      ['sent_date'],
    ],
    [
      'silver.rejected_events',
      rejectedEventsTable,
      'dataset string, partition_id integer, sequence_number long, enqueued_at timestamp, reason string, ' +
        'body string, body_base64 string, rejected_at timestamp',
      [],
    ],
    [
      'silver.agents',
      agentsContract.table,
      'agent_id integer, agent_name string, email string, employee_number string, area string, ' +
        'supervisor_id integer, supervisor_name string, coordinator_id integer, coordinator_name string, ' +
        'manager_id integer, manager_name string, superintendent_id integer, superintendent_name string, ' +
        'status string, registered_at timestamp',
      [],
    ],
    [
      'silver.customers',
      customersContract.table,
      'customer_id long, name string, cpf string, email string, birth_date date, gender string, state string, ' +
        'city string, segment string, registered_at timestamp',
      [],
    ],
    [
      'gold.agent_daily',
      agentDailyTable,
      'period integer, date date, agent_id integer, agent_name string, agent_area string, supervisor_name string, ' +
        'coordinator_name string, manager_name string, superintendent_name string, handled_legs long, ' +
        'transfers long, transfer_pct decimal(18,2), improper_transfers long, improper_transfer_pct decimal(18,2), ' +
        'repeat_calls long, repeat_call_pct decimal(18,2), average_handle_seconds decimal(18,2), promoters long, ' +
        'neutrals long, detractors long, nps decimal(18,2)',
      ['date'],
    ],
    [
      'gold.queue_daily',
      queueDailyTable,
      'period integer, date date, queue_id string, calls long, average_options decimal(18,2), ' +
        'average_options_self_service decimal(18,2), average_options_transferred decimal(18,2), ' +
        'authenticated_calls long, transferred_calls long, human_legs long, transfers long, improper_' +
        'transfers long, average_leg_seconds decimal(18,2)',
      ['date'],
    ],
  ])('%s', (_, table, expected, partitionColumns) => {
    expect(columns(table)).toBe(expected);
    expect(table.partitionColumns).toEqual(partitionColumns);
  });
});

describe('a dataset agrees with itself', () => {
  const KINDS: Record<string, string> = {
    string: 'string',
    long: 'integer',
    integer: 'integer',
    timestamp: 'string',
    boolean: 'boolean',
  };

  test.each([ivrCallsContract, callLegsContract, surveysContract])(
    '$name: the fields are those of its event contract, in that order, and its columns exist',
    ({ event, fields, key, group, dayColumn, silver, findableBy }) => {
      const { properties, required } = event.toJSONSchema({ io: 'input', unrepresentable: 'any' });
      expect(fields.map(({ name }) => name)).toEqual(Object.keys(properties ?? {}));
      expect(required).toEqual(Object.keys(properties ?? {}));
      const kinds = Object.values(properties ?? {}).map((property) => (property as { type: string }).type);
      expect(kinds).toEqual(fields.map(({ type }) => KINDS[type]));
      expect(silver.columns.slice(0, fields.length)).toEqual(fields);
      const names = silver.columns.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining([...key, ...group, dayColumn, ...findableBy.flat()]));
      expect(silver.partitionColumns).toEqual([dayColumn]);
      expect(new Set(names).size).toBe(names.length);
    },
  );

  test.each([agentsContract, customersContract])(
    '$name: the row has the columns of its table',
    ({ row, key, table }) => {
      const { properties } = row.toJSONSchema({ io: 'input', unrepresentable: 'any' });
      expect(Object.keys(properties ?? {})).toEqual(table.columns.map(({ name }) => name));
      expect(table.columns[0]?.name).toBe(key);
    },
  );
});

describe('a dimension row', () => {
  const agent = {
    ...Object.fromEntries(agentsContract.table.columns.map(({ name }) => [name, null])),
    agent_id: 1,
  };

  test.each([
    [{ agent_id: 7 }, 7],
    [{ agent_id: 7n }, 7],
    [{ agent_id: '7' }, 7],
  ])('%o is taken with a whole number', (change, id) => {
    expect(agentsContract.row.parse({ ...agent, ...change })['agent_id']).toBe(id);
  });

  test.each([
    { agent_id: null },
    { agent_id: 0 },
    { agent_id: 2 ** 31 },
    { agent_id: 1.5 },
    { agent_id: '1.0' },
    { agent_id: '' },
    { agent_name: 5 },
    { registered_at: 'yesterday' },
  ])('%o is refused', (change) => {
    expect(agentsContract.row.safeParse({ ...agent, ...change }).success).toBe(false);
  });

  test.each(['2026-01-05T11:02:03Z', '2026-01-05 11:02:03.123456+00', '2026-01-05T08:02:03-03:00'])(
    'registered_at %s is taken',
    (text) => {
      expect(agentsContract.row.safeParse({ ...agent, registered_at: text }).success).toBe(true);
    },
  );
});
