/** Bytes of the length that stands before the levels of a page. */
const LENGTH_BYTES = 4;
const RUN_BYTES_MAX = 6;
const HIGH_BIT = 0x80;

/** Room that the definition levels of so many rows may need. */
export function levelsRoom(rows: number): number {
  return LENGTH_BYTES + RUN_BYTES_MAX + Math.ceil(rows / 8);
}

/**
 * Definition levels of optional rows as a data page begins with them (1: a value, 0: null): one run where all are the
 * same, else bits. `isNull` is read where `nullCount` says that some are and some are not.
 */
export function definitionLevels(rows: number, nullCount: number, isNull: Uint8Array | undefined): Uint8Array {
  const bytes: number[] = [0, 0, 0, 0];
  if (nullCount === 0 || nullCount === rows || isNull === undefined) {
    pushVarint(bytes, rows * 2);
    bytes.push(nullCount === 0 ? 1 : 0);
  } else {
    const groups = Math.ceil(rows / 8);
    pushVarint(bytes, groups * 2 + 1);
    for (let group = 0; group < groups; group++) {
      let bits = 0;
      for (let bit = 0; bit < 8; bit++) if (isNull[group * 8 + bit] === 0) bits |= 1 << bit;
      bytes.push(bits);
    }
  }
  const levels = Buffer.from(bytes);
  levels.writeUInt32LE(bytes.length - LENGTH_BYTES);
  return levels;
}

/** A run of one dictionary index, `width` bytes wide. */
export function pushRun(bytes: number[], rows: number, index: number, width: number): void {
  pushVarint(bytes, rows * 2);
  for (let byte = 0; byte < width; byte++) bytes.push((index >>> (8 * byte)) & 0xff);
}

export function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= HIGH_BIT) {
    bytes.push((rest & (HIGH_BIT - 1)) | HIGH_BIT);
    rest >>>= 7;
  }
  bytes.push(rest);
}
