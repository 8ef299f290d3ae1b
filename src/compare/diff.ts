import { filled, quoted, quotedList } from '../base/identifiers.ts';
import type { TableContract } from '../../schemas/contract.ts';
import { defineRelation, readSnapshot, type TableLocation } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import { explanation, type KnownDifference } from './differences.ts';
import type { ComparedTable } from './tables.ts';

const countsSql = sqlFile(new URL('statements/counts.sql', import.meta.url));
const oneSidedSql = sqlFile(new URL('statements/one-sided.sql', import.meta.url));
const cellsSql = sqlFile(new URL('statements/cells.sql', import.meta.url));
const examplesSql = sqlFile(new URL('statements/examples.sql', import.meta.url));

/** Examples shown of each kind of difference. */
const EXAMPLES_MAX = 10;

export interface TableDifference {
  readonly table: string;
  readonly engineRows: number;
  readonly referenceRows: number;
  /** Columns or partition columns that are not the same, in words; empty where they are. */
  readonly shape: string;
  readonly oneSided: readonly OneSided[];
  readonly cells: readonly CellDifference[];
  /** Differing cells that DIFFERENCES.md names. */
  readonly named: number;
}

export interface OneSided {
  readonly what: string;
  readonly rows: number;
  readonly keys: readonly string[];
}

export interface CellDifference {
  readonly column: string;
  readonly rows: number;
  readonly examples: readonly { readonly key: string; readonly engine: string; readonly reference: string }[];
}

export interface Sides {
  readonly engine: (root: string) => TableLocation;
  readonly reference: (root: string) => TableLocation;
  readonly known: readonly KnownDifference[];
  readonly source: string;
  readonly scratch: Scratch;
}

/** True where the two sides say the same, known differences aside. */
export function isSame(difference: TableDifference): boolean {
  return difference.shape === '' && difference.oneSided.length === 0 && difference.cells.length === 0;
}

/** One table of both sides: its shape, its keys, and every column of the rows that both have. */
export async function compareTable(
  database: Database,
  table: ComparedTable,
  sides: Sides,
  signal: AbortSignal,
): Promise<TableDifference> {
  const locations = { engine: sides.engine(table.root), reference: sides.reference(table.root) };
  const engine = await readSnapshot(locations.engine, signal);
  const reference = await readSnapshot(locations.reference, signal);
  if (engine === undefined || reference === undefined) {
    const missing = engine === undefined ? 'the engine' : 'the reference';
    return { ...NOTHING, table: table.root, shape: `${missing} has no such table` };
  }
  for (const [name, snapshot] of [
    ['engine', engine],
    ['reference', reference],
  ] as const) {
    const files = snapshot.files.values();
    await defineRelation(database, name, locations[name], snapshot.contract, files, sides.scratch, signal);
  }
  const contracts = { engine: engine.contract, reference: reference.contract };
  return compareRelations(database, table, contracts, sides, signal);
}

/** The relations `engine` and `reference` of the database, as tables of these contracts. */
export async function compareRelations(
  database: Database,
  table: ComparedTable,
  contracts: { readonly engine: TableContract; readonly reference: TableContract },
  known: Pick<Sides, 'known' | 'source'>,
  signal: AbortSignal,
): Promise<TableDifference> {
  const names = { key: quotedList(table.key), key_text: keyText(table.key) };
  const [counts = {}] = await database.rows<Record<string, bigint>>(filled(countsSql, names), {}, signal);
  const number = (name: string): number => Number(counts[name] ?? 0n);
  const cells = await compareCells(database, table, known, contracts, signal);
  return {
    table: table.root,
    engineRows: number('engine_rows'),
    referenceRows: number('reference_rows'),
    shape: shapeDifference(contracts.engine, contracts.reference),
    oneSided: await oneSided(database, names, number, signal),
    ...cells,
  };
}

const NOTHING = { engineRows: 0, referenceRows: 0, oneSided: [], cells: [], named: 0 };

function shapeDifference(engine: TableContract, reference: TableContract): string {
  const text = ({ columns, partitionColumns }: TableContract): string =>
    `${columns.map(({ name, type }) => `${name} ${type}`).join(', ')} by ${partitionColumns.join() || 'none'}`;
  return text(engine) === text(reference) ? '' : `engine: ${text(engine)}; reference: ${text(reference)}`;
}

async function oneSided(
  database: Database,
  names: { readonly key: string; readonly key_text: string },
  number: (name: string) => number,
  signal: AbortSignal,
): Promise<OneSided[]> {
  const found: OneSided[] = [];
  for (const [side, other] of [
    ['engine', 'reference'],
    ['reference', 'engine'],
  ] as const) {
    const repeated = number(`${side}_repeated`);
    if (repeated > 0) found.push({ what: `repeated in the ${side}`, rows: repeated, keys: [] });
    const rows = number(`only_${side}`);
    if (rows === 0) continue;
    const sql = filled(oneSidedSql, { ...names, side, other });
    const keys = await database.rows<{ key: string }>(sql, { most: EXAMPLES_MAX }, signal);
    found.push({ what: `only in the ${side}`, rows, keys: keys.map(({ key }) => key) });
  }
  return found;
}

async function compareCells(
  database: Database,
  table: ComparedTable,
  { known: differences, source }: Pick<Sides, 'known' | 'source'>,
  { engine, reference }: { readonly engine: TableContract; readonly reference: TableContract },
  signal: AbortSignal,
): Promise<Pick<TableDifference, 'cells' | 'named'>> {
  const there = new Set(reference.columns.map(({ name }) => name));
  const left = new Set([...table.key, ...table.ignored]);
  const columns = engine.columns.map(({ name }) => name).filter((name) => there.has(name) && !left.has(name));
  const cells: CellDifference[] = [];
  let named = 0;
  for (const column of columns) {
    const known = explanation(differences, source, table.root, column);
    const names = { key: quotedList(table.key), key_text: keyText(table.key), column: quoted(column), known };
    const [count] = await database.rows<{ unexplained: bigint; named: bigint }>(filled(cellsSql, names), {}, signal);
    named += Number(count?.named ?? 0n);
    const rows = Number(count?.unexplained ?? 0n);
    if (rows === 0) continue;
    const examples = await database.rows<CellDifference['examples'][number]>(
      filled(examplesSql, names),
      { most: EXAMPLES_MAX },
      signal,
    );
    cells.push({ column, rows, examples });
  }
  return { cells, named };
}

function keyText(key: readonly string[]): string {
  return `concat_ws(' / ', ${quotedList(key)})`;
}
