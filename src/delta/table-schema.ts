import type { Column, ColumnType, TableContract } from '../../schemas/contract.ts';
import { SluiceError } from '../base/errors.ts';
import type { MetadataAction } from './log-entry.ts';

const DUCKDB_TYPES: Readonly<Record<string, string>> = {
  string: 'VARCHAR',
  long: 'BIGINT',
  integer: 'INTEGER',
  boolean: 'BOOLEAN',
  timestamp: 'TIMESTAMP WITH TIME ZONE',
  date: 'DATE',
};

const DECIMAL = /^decimal\((\d+),\s*(\d+)\)$/;

/** The type that DuckDB must show for a column of this type, and that it writes to Parquet as Delta wants it. */
export function duckdbType(type: ColumnType): string {
  const decimal = DECIMAL.exec(type);
  if (decimal !== null) return `DECIMAL(${decimal[1]},${decimal[2]})`;
  const found = DUCKDB_TYPES[type];
  if (found === undefined) throw new SluiceError('internal', `no DuckDB type for the Delta type ${type}`);
  return found;
}

/** The contract's columns as the log's schema text. Every column is nullable, as readers expect. */
export function schemaStringOf(contract: TableContract): string {
  const fields = contract.columns.map(fieldOf);
  return JSON.stringify({ type: 'struct', fields });
}

/** The schema text with these columns at its end; what another writer said of the others stays. */
export function withColumns(schemaString: string, columns: readonly Column[]): string {
  if (columns.length === 0) return schemaString;
  const schema = JSON.parse(schemaString) as { fields: unknown[] };
  return JSON.stringify({ ...schema, fields: [...schema.fields, ...columns.map(fieldOf)] });
}

/** The table's columns and partition as the log has them. Throws `table_unsupported`, `table_corrupt`. */
export function contractOf(metadata: MetadataAction, table: string): TableContract {
  return {
    columns: fieldsOf(metadata, table).map((field) => columnOf(field, table)),
    partitionColumns: [...metadata.partitionColumns],
    properties: { ...metadata.configuration },
  };
}

/** Columns that are not partition columns: those that stand in the data files. */
export function dataColumns(contract: TableContract): Column[] {
  return contract.columns.filter(({ name }) => !contract.partitionColumns.includes(name));
}

/**
 * Throws `table_conflict` where the table in the lake is not the one the contract describes: columns missing or too
 * many, another type, another partition. The order of the columns is the table's own.
 */
export function checkContract(actual: TableContract, wanted: TableContract, table: string): void {
  const fail = (what: string): never => {
    const message = `${table} ${what}; rebuild it, or use the version of Sluice that made it`;
    throw new SluiceError('table_conflict', message, { context: { table } });
  };
  const found = new Map(actual.columns.map((column) => [column.name, column.type]));
  const missing = wanted.columns.filter(({ name }) => !found.has(name)).map(({ name }) => name);
  if (missing.length > 0) fail(`lacks the columns ${missing.join(', ')} of its contract`);
  const differing = wanted.columns.filter(({ name, type }) => found.get(name) !== type);
  if (differing.length > 0) {
    fail(differing.map(({ name, type }) => `has ${name} as ${found.get(name)}, not ${type}`).join(', '));
  }
  const known = new Set(wanted.columns.map(({ name }) => name));
  const extra = actual.columns.filter(({ name }) => !known.has(name)).map(({ name }) => name);
  if (extra.length > 0) fail(`has the columns ${extra.join(', ')} that its contract does not know`);
  const partition = actual.partitionColumns.join(', ');
  if (partition !== wanted.partitionColumns.join(', ')) {
    fail(`is partitioned by "${partition}", not by "${wanted.partitionColumns.join(', ')}"`);
  }
}

const fieldOf = ({ name, type }: Column) => ({ name, type, nullable: true, metadata: {} });

interface SchemaField {
  readonly name: string;
  readonly type: unknown;
}

function fieldsOf(metadata: MetadataAction, table: string): SchemaField[] {
  try {
    return (JSON.parse(metadata.schemaString) as { fields: SchemaField[] }).fields;
  } catch (cause) {
    const message = `the schema of ${table} in its log cannot be read`;
    throw new SluiceError('table_corrupt', message, { context: { table }, cause });
  }
}

function columnOf({ name, type }: SchemaField, table: string): Column {
  if (typeof type === 'string' && (type in DUCKDB_TYPES || DECIMAL.test(type))) {
    return { name, type: type.replaceAll(' ', '') as ColumnType };
  }
  const message = `${table} has the column ${name} of type ${JSON.stringify(type)}, which Sluice does not know`;
  throw new SluiceError('table_unsupported', message, { context: { table, column: name } });
}
