import { createHash } from 'node:crypto';
import type { Column, DatasetContract } from '../../schemas/contract.ts';
import type { TableContract } from '../../schemas/contract.ts';

/** How a dataset's contract differs from the one that its silver table was made by. */
export type Drift =
  | { readonly kind: 'same' }
  /** It gained optional fields and nothing else: rows that are there have null in them. */
  | { readonly kind: 'widened'; readonly columns: readonly Column[] }
  /** The rows that are there may be wrong by it. */
  | { readonly kind: 'other'; readonly what: string };

/** What decides which columns and rows a silver table has, the SQL of its model aside. */
export function contractHash({ name, fields, key, group, dayColumn, silver }: DatasetContract): string {
  const { columns, partitionColumns } = silver;
  const facts = JSON.stringify({ name, fields, key, group, dayColumn, columns, partitionColumns });
  return createHash('sha256').update(facts).digest('hex').slice(0, 16);
}

/** The table knows its columns, and of the contract only its hash: without the new columns it must be the same. */
export function driftOf(table: TableContract, hash: string, dataset: DatasetContract): Drift {
  if (contractHash(dataset) === hash) return { kind: 'same' };
  const known = new Set(table.columns.map(({ name }) => name));
  const isKnown = ({ name }: Column): boolean => known.has(name);
  const added = dataset.silver.columns.filter((column) => !isKnown(column));
  const before: DatasetContract = {
    ...dataset,
    fields: dataset.fields.filter(isKnown),
    silver: { ...dataset.silver, columns: dataset.silver.columns.filter(isKnown) },
  };
  const fillable = added.every(({ name }) => isOptionalField(dataset, name));
  if (added.length > 0 && fillable && contractHash(before) === hash) return { kind: 'widened', columns: added };
  return { kind: 'other', what: differences(table, dataset, added) };
}

/** An event without it is accepted: so null is what an older row has in it. */
function isOptionalField({ event, fields }: DatasetContract, name: string): boolean {
  const { shape } = event as { readonly shape?: Readonly<Record<string, { safeParse(value: unknown): unknown }>> };
  const result = shape?.[name]?.safeParse(undefined) as { readonly success: boolean } | undefined;
  return result?.success === true && fields.some((field) => field.name === name);
}

function differences(table: TableContract, dataset: DatasetContract, added: readonly Column[]): string {
  const wanted = new Map(dataset.silver.columns.map(({ name, type }) => [name, type]));
  const lost = table.columns.filter(({ name }) => !wanted.has(name)).map(({ name }) => `lost ${name}`);
  const retyped = table.columns
    .filter(({ name, type }) => wanted.has(name) && wanted.get(name) !== type)
    .map(({ name, type }) => `has ${name} as ${wanted.get(name)} and no longer ${type}`);
  const gained = added
    .filter(({ name }) => !isOptionalField(dataset, name))
    .map(({ name }) => `gained ${name}, which is no optional field`);
  const found = [...lost, ...retyped, ...gained];
  return found.length > 0 ? found.join(', ') : 'has another key, group, day column or order of fields';
}
