import { z } from 'zod';
import type { DimensionContract } from './contract.ts';
import { day, instant, whole, words } from './dimension-fields.ts';
import { ID_MAX } from './event-fields.ts';

/** The people who call; they play no part in gold (domain section 1). */
const row = z.object({
  customer_id: whole(1, ID_MAX),
  name: words(),
  cpf: words(),
  email: words(),
  birth_date: day(),
  gender: words(),
  state: words(),
  city: words(),
  segment: words(),
  registered_at: instant(),
});

export type CustomerRow = z.output<typeof row>;

export const customersContract: DimensionContract = {
  name: 'customers',
  row,
  key: 'customer_id',
  table: {
    columns: [
      { name: 'customer_id', type: 'long' },
      { name: 'name', type: 'string' },
      { name: 'cpf', type: 'string' },
      { name: 'email', type: 'string' },
      { name: 'birth_date', type: 'date' },
      { name: 'gender', type: 'string' },
      { name: 'state', type: 'string' },
      { name: 'city', type: 'string' },
      { name: 'segment', type: 'string' },
      { name: 'registered_at', type: 'timestamp' },
    ],
    partitionColumns: [],
  },
};
