import Table from 'cli-table3';

/** Rows of a table that a person is shown. */
const TABLE_ROWS_MAX = 1_000;

export type ResultFormat = 'table' | 'csv' | 'json';

/** What is used of the driver's result: names and values as the driver gives them. */
export interface SqlResult {
  columnNames(): readonly string[];
  deduplicatedColumnNames(): readonly string[];
  getRows(): readonly (readonly unknown[])[];
}

/** The whole result as text that ends with a line break. */
export function formatResult(result: SqlResult, format: ResultFormat): string {
  const rows = result.getRows();
  if (format === 'json') return jsonRows(result.deduplicatedColumnNames(), rows);
  if (format === 'csv') return csvRows(result.columnNames(), rows);
  const table = new Table({ head: [...result.columnNames()], style: { head: [], border: [], compact: true } });
  const shown = rows.slice(0, TABLE_ROWS_MAX);
  for (const row of shown) table.push(row.map((value) => (value === null ? '' : String(value))));
  const rest = shown.length < rows.length ? `, the first ${shown.length} shown: --format csv or json gives all` : '';
  return `${table.toString()}\n${rows.length} ${rows.length === 1 ? 'row' : 'rows'}${rest}\n`;
}

/** RFC 4180 with LF; null is nothing at all, the empty text is `""`. */
function csvRows(names: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const line = (values: readonly unknown[]): string => `${values.map(csvField).join(',')}\n`;
  return line(names) + rows.map(line).join('');
}

function csvField(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = String(value);
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function jsonRows(names: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const object = (row: readonly unknown[]): string =>
    `{${names.map((name, index) => `${JSON.stringify(name)}:${jsonValue(row[index])}`).join(',')}}`;
  return rows.length === 0 ? '[]\n' : `[\n${rows.map(object).join(',\n')}\n]\n`;
}

/** Integers and decimals of any width are numbers with all their digits; what JSON has no word for is text. */
function jsonValue(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? JSON.stringify(value) : JSON.stringify(String(value));
  if (typeof value !== 'object') return JSON.stringify(value);
  if ('scale' in value && 'width' in value) return String(value);
  if ('items' in value) return `[${(value.items as unknown[]).map(jsonValue).join(',')}]`;
  if ('entries' in value) return jsonEntries(value.entries as object);
  return JSON.stringify(String(value));
}

/** A struct as an object, a map as pairs. */
function jsonEntries(entries: object): string {
  if (Array.isArray(entries)) {
    const pairs = (entries as { key: unknown; value: unknown }[]).map(
      ({ key, value }) => `{"key":${jsonValue(key)},"value":${jsonValue(value)}}`,
    );
    return `[${pairs.join(',')}]`;
  }
  return `{${Object.entries(entries)
    .map(([name, value]) => `${JSON.stringify(name)}:${jsonValue(value)}`)
    .join(',')}}`;
}
