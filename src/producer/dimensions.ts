import type { Faker } from '@faker-js/faker';
import { faker as locale } from '@faker-js/faker/locale/pt_BR';
import type { AgentRow } from '../../schemas/agents.ts';
import type { CustomerRow } from '../../schemas/customers.ts';
import { AREAS, timestampText } from './generate.ts';
import { seededFaker } from './seeded-faker.ts';

const SUPERINTENDENTS = 2;
const MANAGERS = 4;
const COORDINATORS = 16;
const SUPERVISORS = 64;
/** Numbers of the levels lie apart from each other and from those of any agents. */
const LEVEL_ID = {
  supervisor: 1_000_000_000,
  coordinator: 1_100_000_000,
  manager: 1_200_000_000,
  superintendent: 1_300_000_000,
};
const SEGMENTS = ['Retail', 'Premium', 'Private', 'Business'];
const CPF_BASES = 1_000_000_000;
// Prime to CPF_BASES: steps of this size meet every base once.
const CPF_STEP = 387_420_489;
const REGISTERED = { min: Date.UTC(2012, 0, 1), max: Date.UTC(2025, 11, 1) };
const BORN = { min: Date.UTC(1940, 0, 1), max: Date.UTC(2006, 0, 1) };

/** Agents 1..count under 64 supervisors, 16 coordinators, 4 managers and 2 superintendents (domain section 1). */
export function agentRows(options: { readonly count: number; readonly seed: number }): AgentRow[] {
  const faker = seededFaker(locale, options.seed);
  const names = (count: number): string[] => Array.from({ length: count }, () => fullName(faker));
  const superintendents = names(SUPERINTENDENTS);
  const managers = names(MANAGERS);
  const coordinators = names(COORDINATORS);
  const supervisors = names(SUPERVISORS);
  return Array.from({ length: options.count }, (_, index) => {
    const supervisor = index % SUPERVISORS;
    const coordinator = Math.floor((supervisor * COORDINATORS) / SUPERVISORS);
    const manager = Math.floor((coordinator * MANAGERS) / COORDINATORS);
    const superintendent = Math.floor((manager * SUPERINTENDENTS) / MANAGERS);
    const agentId = index + 1;
    const name = fullName(faker);
    return {
      agent_id: agentId,
      agent_name: name,
      email: email(name, agentId, 'callcentre.example'),
      employee_number: String(agentId).padStart(6, '0'),
      area: AREAS[manager] ?? null,
      supervisor_id: LEVEL_ID.supervisor + supervisor + 1,
      supervisor_name: supervisors[supervisor] ?? null,
      coordinator_id: LEVEL_ID.coordinator + coordinator + 1,
      coordinator_name: coordinators[coordinator] ?? null,
      manager_id: LEVEL_ID.manager + manager + 1,
      manager_name: managers[manager] ?? null,
      superintendent_id: LEVEL_ID.superintendent + superintendent + 1,
      superintendent_name: superintendents[superintendent] ?? null,
      status: faker.helpers.weightedArrayElement([
        { weight: 90, value: 'active' },
        { weight: 6, value: 'on_leave' },
        { weight: 4, value: 'inactive' },
      ]),
      registered_at: instant(faker, REGISTERED),
    };
  });
}

/** Customers 1..count (domain section 1). */
export function customerRows(options: { readonly count: number; readonly seed: number }): CustomerRow[] {
  const faker = seededFaker(locale, options.seed);
  const cpfFirst = faker.number.int({ min: 0, max: CPF_BASES - 1 });
  return Array.from({ length: options.count }, (_, index) => {
    const customerId = index + 1;
    const gender = faker.helpers.arrayElement(['F', 'M'] as const);
    const name = fullName(faker, gender === 'F' ? 'female' : 'male');
    return {
      customer_id: customerId,
      name,
      cpf: cpfOf(cpfFirst + customerId * CPF_STEP),
      email: email(name, customerId, 'mail.example'),
      birth_date: instant(faker, BORN).slice(0, 10),
      gender,
      state: faker.location.state({ abbreviated: true }),
      city: faker.location.city(),
      segment: faker.helpers.arrayElement(SEGMENTS),
      registered_at: instant(faker, REGISTERED),
    };
  });
}

/** Eleven digits: nine of the number, and two that check those before them. */
function cpfOf(number: number): string {
  const digits = String(number % CPF_BASES).padStart(9, '0');
  const withFirst = digits + checkDigit(digits);
  return withFirst + checkDigit(withFirst);
}

function checkDigit(digits: string): string {
  const sum = [...digits].reduce((total, digit, index) => total + Number(digit) * (digits.length + 1 - index), 0);
  return String(((sum * 10) % 11) % 10);
}

// Without the titles that faker's own full name sometimes bears.
function fullName(faker: Faker, sex?: 'female' | 'male'): string {
  return `${faker.person.firstName(sex)} ${faker.person.lastName(sex)}`;
}

function email(name: string, id: number, domain: string): string {
  const plain = name.normalize('NFD').replaceAll(/[^A-Za-z ]/g, '');
  return `${plain.toLowerCase().replaceAll(' ', '.')}.${id}@${domain}`;
}

function instant(faker: Faker, between: { readonly min: number; readonly max: number }): string {
  return timestampText(Math.floor(faker.number.int(between) / 1000) * 1_000_000);
}
