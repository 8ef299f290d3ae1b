import { agentDailyTable } from '../schemas/agent-daily.ts';
import { agentsContract } from '../schemas/agents.ts';
import { callLegsContract } from '../schemas/call-legs.ts';
import type { Pipeline } from '../schemas/contract.ts';
import { customersContract } from '../schemas/customers.ts';
import { ivrCallsContract } from '../schemas/ivr-calls.ts';
import { queueDailyTable } from '../schemas/queue-daily.ts';
import { surveysContract } from '../schemas/surveys.ts';

/** The call centre: its datasets, dimensions and views, and the SQL of each. Nothing else in src names them. */
export const callCentre: Pipeline = {
  name: 'call_centre',
  datasets: [
    {
      ...ivrCallsContract,
      model: new URL('silver/models/ivr_calls.sql', import.meta.url),
      audits: [new URL('silver/audits/interval_in_order.sql', import.meta.url)],
    },
    {
      ...callLegsContract,
      model: new URL('silver/models/call_legs.sql', import.meta.url),
      audits: [
        new URL('silver/audits/interval_in_order.sql', import.meta.url),
        new URL('silver/audits/transfer_flags.sql', import.meta.url),
      ],
    },
    {
      ...surveysContract,
      model: new URL('silver/models/surveys.sql', import.meta.url),
      audits: [],
    },
  ],
  dimensions: [agentsContract, customersContract],
  gold: [
    {
      name: 'agent_daily',
      table: agentDailyTable,
      dayColumn: 'date',
      model: new URL('gold/models/agent_daily.sql', import.meta.url),
      audits: [
        new URL('gold/audits/agent_daily.sql', import.meta.url),
        new URL('gold/audits/agent_daily_once.sql', import.meta.url),
      ],
      reads: [
        {
          table: 'call_legs',
          touchedDays: new URL('gold/touched/agent_daily.call_legs.sql', import.meta.url),
          looksAt: [
            { table: 'call_legs', by: ['call_id'] },
            { table: 'call_legs', window: { column: 'start_date', daysBefore: 2 } },
          ],
          // 86,400 seconds after a day's last start lie in the day after the next one where a day has 23 hours.
          window: { column: 'start_date', daysAhead: 2 },
        },
        {
          table: 'surveys',
          touchedDays: new URL('gold/touched/agent_daily.surveys.sql', import.meta.url),
          looksAt: [{ table: 'call_legs', by: ['call_id'] }],
          by: { columns: ['call_id'], of: 'call_legs' },
        },
        {
          table: 'agents',
          touchedDays: new URL('gold/touched/agent_daily.agents.sql', import.meta.url),
          looksAt: [{ table: 'agent_daily' }],
        },
      ],
      draws: [
        { title: 'Legs handled, by agent', label: 'agent_name', measure: 'handled_legs', top: 15 },
        { title: 'Repeat calls, by agent', label: 'agent_name', measure: 'repeat_calls', top: 15 },
      ],
    },
    {
      name: 'queue_daily',
      table: queueDailyTable,
      dayColumn: 'date',
      model: new URL('gold/models/queue_daily.sql', import.meta.url),
      audits: [
        new URL('gold/audits/queue_daily.sql', import.meta.url),
        new URL('gold/audits/queue_daily_once.sql', import.meta.url),
      ],
      reads: [
        {
          table: 'ivr_calls',
          touchedDays: new URL('gold/touched/queue_daily.ivr_calls.sql', import.meta.url),
          looksAt: [],
          window: { column: 'start_date', daysAhead: 0 },
        },
        {
          table: 'call_legs',
          touchedDays: new URL('gold/touched/queue_daily.call_legs.sql', import.meta.url),
          looksAt: [{ table: 'ivr_calls', by: ['call_id'] }],
          by: { columns: ['call_id'], of: 'ivr_calls' },
        },
      ],
      draws: [
        { title: 'Calls, by queue', label: 'queue_id', measure: 'calls', top: 15 },
        { title: 'Human legs, by queue', label: 'queue_id', measure: 'human_legs', top: 15 },
      ],
    },
  ],
};
