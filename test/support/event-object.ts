import { z } from 'zod';
import type { DatasetContract } from '../../schemas/contract.ts';

type EventSchema = DatasetContract['event'];

/** The event of a contract, which is an object of fields, with others in the place of some. */
export function withFields(event: EventSchema, fields: z.ZodRawShape): EventSchema {
  if (!(event instanceof z.ZodObject)) throw new Error('the event of the contract is no object');
  return event.safeExtend(fields);
}
