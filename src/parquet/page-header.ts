import type { ThriftStruct } from './thrift-reader.ts';

// Numbers of parquet.thrift (apache/parquet-format).
export const PAGE = { data: 0, index: 1, dictionary: 2, dataV2: 3 } as const;
export const ENCODING = { plain: 0, plainDictionary: 2, rle: 3, rleDictionary: 8 } as const;

/** Of the length before the levels of a page. */
export const LEVELS_LENGTH_BYTES = 4;
/** No writer makes larger ones: a length beyond it is none. */
export const PAGE_BYTES_MAX = 512 * 1024 * 1024;

/** A field of a page's header that must be there. Throws a RangeError. */
export function numberOf(struct: ThriftStruct, id: number): number {
  const value = struct[id];
  if (typeof value !== 'number' || value < 0) throw new RangeError(`a page header has no field ${id}`);
  return value;
}

/** Throws a RangeError. */
export function structOf(struct: ThriftStruct, id: number): ThriftStruct {
  const value = struct[id];
  if (typeof value !== 'object') throw new RangeError(`a page header has no field ${id}`);
  return value;
}
