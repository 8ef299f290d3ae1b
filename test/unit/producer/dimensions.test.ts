import { describe, expect, test } from 'vitest';
import { agentsContract } from '../../../schemas/agents.ts';
import { customersContract } from '../../../schemas/customers.ts';
import { makeAgents, makeCustomers } from '../../../src/producer/producer.ts';

const agents = makeAgents({ count: 1000, seed: 1 });
const customers = makeCustomers({ count: 10_000, seed: 1 });
const different = <Row>(rows: readonly Row[], column: keyof Row): number =>
  new Set(rows.map((row) => row[column])).size;

describe('agents', () => {
  test('are numbered 1..1000 and follow their contract, column by column', () => {
    expect(agents.map(({ agent_id }) => agent_id)).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
    for (const agent of agents) expect(agentsContract.row.parse(agent)).toEqual(agent);
    expect(Object.keys(agents[0] ?? {})).toEqual(agentsContract.table.columns.map(({ name }) => name));
    expect(different(agents, 'email')).toBe(1000);
    expect(different(agents, 'employee_number')).toBe(1000);
    expect(agents.flatMap((agent) => Object.values(agent)).includes(null)).toBe(false);
  });

  test('stand under 64 supervisors, 16 coordinators, 4 managers and 2 superintendents', () => {
    expect(different(agents, 'supervisor_id')).toBe(64);
    expect(different(agents, 'coordinator_id')).toBe(16);
    expect(different(agents, 'manager_id')).toBe(4);
    expect(different(agents, 'superintendent_id')).toBe(2);
  });

  test.each([
    ['supervisor', 'coordinator', 4],
    ['coordinator', 'manager', 4],
    ['manager', 'superintendent', 2],
  ] as const)('every %s has one %s and one name, and each of those has %i', (lower, upper, size) => {
    const above = Map.groupBy(agents, (agent) => agent[`${lower}_id`]);
    for (const [, group] of above) {
      expect(different(group, `${upper}_id`)).toBe(1);
      expect(different(group, `${lower}_name`)).toBe(1);
    }
    const below = Map.groupBy(agents, (agent) => agent[`${upper}_id`]);
    for (const [, group] of below) expect(different(group, `${lower}_id`)).toBe(size);
  });

  test('the same seed gives the same agents, another one others', () => {
    expect(makeAgents({ count: 1000, seed: 1 })).toEqual(agents);
    expect(makeAgents({ count: 1000, seed: 2 })).not.toEqual(agents);
  });
});

describe('customers', () => {
  test('are numbered 1..10000 and follow their contract, column by column', () => {
    expect(customers.map(({ customer_id }) => customer_id)).toEqual(
      Array.from({ length: 10_000 }, (_, index) => index + 1),
    );
    for (const customer of customers.slice(0, 500)) expect(customersContract.row.parse(customer)).toEqual(customer);
    expect(Object.keys(customers[0] ?? {})).toEqual(customersContract.table.columns.map(({ name }) => name));
  });

  test('have a CPF of their own with right check digits', () => {
    expect(different(customers, 'cpf')).toBe(10_000);
    const wrong = customers.filter(({ cpf }) => !isCpf(cpf ?? ''));
    expect(wrong).toEqual([]);
    // The check itself, on numbers whose digits are known.
    expect(['11144477735', '52998224725', '11144477734', '52998224752'].map(isCpf)).toEqual([true, true, false, false]);
  });

  test('the same seed gives the same customers, another one others', () => {
    expect(makeCustomers({ count: 50, seed: 1 })).toEqual(customers.slice(0, 50));
    expect(makeCustomers({ count: 50, seed: 2 })).not.toEqual(customers.slice(0, 50));
  });
});

function isCpf(cpf: string): boolean {
  const digits = [...cpf].map(Number);
  return [9, 10].every((at) => digits.length === 11 && checkDigit(digits.slice(0, at)) === digits[at]);
}

/** As the tax office words it: weights 2.. from the right, 11 minus the rest, 10 and 11 are 0. */
function checkDigit(before: readonly number[]): number {
  const rest = before.toReversed().reduce((sum, digit, index) => sum + digit * (index + 2), 0) % 11;
  return rest < 2 ? 0 : 11 - rest;
}
