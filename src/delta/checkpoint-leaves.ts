import { readNestedLeaves, type LeafValue, type NestedGroup, type NestedLeaf } from '../parquet/parquet.ts';
import { completed, STRUCTS } from './checkpoint-members.ts';
import type { Action } from './log-entry.ts';

/** From the leaves that are needed alone; undefined where they are of another form. Throws where it is damaged. */
export function decodeLeaves(file: ArrayBuffer): Action[] | undefined {
  const actions = readNestedLeaves(file, isOfAction)?.map(actionsOf);
  if (actions === undefined || actions.includes(undefined)) return undefined;
  return actions.flatMap((found) => found ?? []).map(completed);
}

/** Whether the leaf is of a member that Sluice reads. */
function isOfAction([struct = '', member = '']: readonly string[]): boolean {
  return STRUCTS.get(struct)?.includes(member) === true;
}

/** What a row has in a member. */
type Value = LeafValue | readonly (LeafValue | null)[] | Readonly<Record<string, unknown>>;
type Column = (Value | undefined)[];

/** The actions of a row group, a row each; undefined where a member is nested otherwise than the protocol has it. */
function actionsOf({ rows, leaves }: NestedGroup): Action[] | undefined {
  const actions: (Action | undefined)[] = Array.from({ length: rows }, () => undefined);
  for (const [struct, members] of STRUCTS) {
    const columns = new Map<string, Column>();
    for (const member of members) {
      const below = leaves.filter(({ path }) => path[0] === struct && path[1] === member);
      if (below.length === 0) continue;
      const column = columnOf(below, 2, rows);
      if (column === undefined) return undefined;
      columns.set(member, column);
    }
    const proof = columns.get(members[0] ?? '') ?? [];
    for (let row = 0; row < rows; row++) {
      if (proof[row] !== undefined) actions[row] ??= { [struct]: structAt(columns, row) };
    }
  }
  return actions.map((action) => action ?? {});
}

function structAt(columns: ReadonlyMap<string, Column>, row: number): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  for (const [name, column] of columns) {
    const value = column[row];
    if (value !== undefined) members[name] = value;
  }
  return members;
}

/** The member whose leaves these are; `depth` names lead to it. */
function columnOf(leaves: readonly NestedLeaf[], depth: number, rows: number): Column | undefined {
  const [first, second] = leaves;
  if (first === undefined) return undefined;
  const isScalar = leaves.length === 1 && first.path.length === depth && first.repetitionMax === 0;
  if (isScalar) return valuesOf(first, rows);
  if (leaves.every(({ repetitionMax }) => repetitionMax === 1)) {
    if (leaves.length === 1) return listsOf(first, rows);
    // Whatever their names: a map has the key before the value.
    return leaves.length === 2 && second !== undefined ? mapsOf(first, second, rows) : undefined;
  }
  const columns = new Map<string, Column>();
  for (const [name = '', below] of Map.groupBy(leaves, ({ path }) => path[depth])) {
    const column = columnOf(below, depth + 1, rows);
    if (column === undefined) return undefined;
    columns.set(name, column);
  }
  return Array.from({ length: rows }, (_, row) => {
    const members = structAt(columns, row);
    return Object.keys(members).length === 0 ? undefined : members;
  });
}

function valuesOf({ definitions, definitionMax, values }: NestedLeaf, rows: number): Column {
  const column: Column = [];
  let next = 0;
  for (const level of definitions) column.push(level === definitionMax ? values[next++] : undefined);
  return ofRows(column, rows);
}

function listsOf({ definitions, definitionMax, repeatedAt, repetitions, values }: NestedLeaf, rows: number): Column {
  const column: Column = [];
  let list: (LeafValue | null)[] = [];
  let next = 0;
  for (const [slot, level] of definitions.entries()) {
    if (repetitions[slot] === 0) column.push(level < repeatedAt - 1 ? undefined : (list = []));
    if (level >= repeatedAt) list.push(level === definitionMax ? (values[next++] ?? null) : null);
  }
  return ofRows(column, rows);
}

function mapsOf(keys: NestedLeaf, { definitions, definitionMax, values }: NestedLeaf, rows: number): Column {
  const column: Column = [];
  let map: Record<string, LeafValue | null> = {};
  let [nextKey, nextValue] = [0, 0];
  if (keys.definitions.length !== definitions.length) throw new RangeError('a map has more keys than values');
  for (const [slot, level] of keys.definitions.entries()) {
    if (keys.repetitions[slot] === 0) column.push(level < keys.repeatedAt - 1 ? undefined : (map = {}));
    if (level < keys.repeatedAt) continue;
    const key = level === keys.definitionMax ? keys.values[nextKey++] : undefined;
    if (key === undefined) throw new RangeError('a map has a key that is null');
    map[String(key)] = definitions[slot] === definitionMax ? (values[nextValue++] ?? null) : null;
  }
  return ofRows(column, rows);
}

function ofRows(column: Column, rows: number): Column {
  if (column.length !== rows) throw new RangeError('a column has another number of rows');
  return column;
}
