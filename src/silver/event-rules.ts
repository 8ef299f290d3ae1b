import { z } from 'zod';
import type { Column, DatasetContract } from '../../schemas/contract.ts';
import { fieldRule, orderRule, type FieldRule, type OrderRule } from '../../schemas/event-fields.ts';

/** A contract as data, as far as the scanner can check it. */
export interface EventRules {
  /** In the order of the contract. */
  readonly fields: readonly RuledField[];
  readonly orders: readonly OrderRule[];
}

export interface RuledField extends FieldRule {
  readonly name: string;
  readonly type: Column['type'];
}

/** Names that mean the same in JSON and in SQL, as they stand. */
const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

const KINDS: Readonly<Record<FieldRule['kind'], readonly string[]>> = {
  text: ['string'],
  integer: ['long', 'integer'],
  timestamp: ['timestamp'],
  flag: ['boolean'],
};

/**
 * The rules that an event of the dataset obeys if and only if zod accepts it. Undefined where the contract asks
 * anything that is not said as data by schemas/event-fields.ts: then only zod can judge.
 */
export function eventRules({ event, fields }: Pick<DatasetContract, 'event' | 'fields'>): EventRules | undefined {
  // A catch-all judges unknown fields too.
  if (!(event instanceof z.ZodObject) || event.def.catchall !== undefined) return undefined;
  const shape = event.def.shape as Readonly<Record<string, object>>;
  if (Object.keys(shape).length !== fields.length) return undefined;
  const ruled = fields.map((column) => ruledField(column, shape));
  const orders = (event.def.checks ?? []).map((check) => orderOf(check, ruled));
  return isComplete(ruled) && isComplete(orders) ? { fields: ruled, orders } : undefined;
}

function ruledField({ name, type }: Column, shape: Readonly<Record<string, object>>): RuledField | undefined {
  const field = Object.hasOwn(shape, name) ? shape[name] : undefined;
  const rule = field === undefined ? undefined : fieldRule(field);
  if (rule === undefined || !PLAIN_NAME.test(name) || !KINDS[rule.kind].includes(type)) return undefined;
  return { ...rule, name, type };
}

function orderOf(check: unknown, fields: readonly (RuledField | undefined)[]): OrderRule | undefined {
  if (!(check instanceof z.core.$ZodCheck)) return undefined;
  const definition = check._zod.def as { readonly fn?: object; readonly when?: unknown };
  const rule = definition.fn === undefined ? undefined : orderRule(definition.fn);
  if (rule === undefined || definition.when !== undefined) return undefined;
  const [first, second] = [rule.first, rule.second].map((name) => fields.find((field) => field?.name === name));
  // Null is in no order: what JavaScript makes of it is not what the scanner does.
  const isComparable = first?.kind === second?.kind && (first?.kind === 'timestamp' || first?.kind === 'integer');
  return isComparable && first?.optional === false && second?.optional === false ? rule : undefined;
}

function isComplete<T>(items: readonly (T | undefined)[]): items is readonly T[] {
  return items.every((item) => item !== undefined);
}

/** Bounds of an integer field, as far as a number is exact. */
export function integerBounds({ low, high }: Pick<RuledField, 'low' | 'high'>): readonly [number, number] {
  return [Math.max(Math.ceil(low), -Number.MAX_SAFE_INTEGER), Math.min(Math.floor(high), Number.MAX_SAFE_INTEGER)];
}
