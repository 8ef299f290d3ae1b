import type { FileHandle } from 'node:fs/promises';
import { parquetMetadata, type FileMetaData, type ParquetParsers } from 'hyparquet';
import { SluiceError } from '../base/errors.ts';
import { MAGIC } from './metadata.ts';

/** Of the length of the footer and the magic behind it. */
const TAIL_BYTES = 8;

/** Throws a RangeError, or what the parser throws. */
export async function readFooter(handle: FileHandle, parsers: Partial<ParquetParsers> = {}): Promise<FileMetaData> {
  const { size } = await handle.stat();
  if (size < MAGIC.length + TAIL_BYTES) throw new RangeError('the file is too short');
  const tail = await readFully(handle, size - TAIL_BYTES, TAIL_BYTES);
  const footerBytes = tail.readUInt32LE(0) + TAIL_BYTES;
  if (footerBytes > size) throw new RangeError('the footer is longer than the file');
  const footer = await readFully(handle, size - footerBytes, footerBytes);
  return parseFooter(footer.buffer, parsers);
}

/** Of bytes that end as the file does. Throws what the parser throws. */
export function parseFooter(bytes: ArrayBuffer, parsers: Partial<ParquetParsers> = {}): FileMetaData {
  // Looking for columns of maps never ends where a damaged schema has less than no children.
  return parquetMetadata(bytes, { parsers: parsers as ParquetParsers, geoparquet: false });
}

export async function readFully(handle: FileHandle, from: number, length: number): Promise<Buffer<ArrayBuffer>> {
  const bytes = Buffer.from(new ArrayBuffer(length));
  for (let done = 0; done < length;) {
    const { bytesRead } = await handle.read(bytes, done, length - done, from + done);
    if (bytesRead === 0) throw new RangeError('the file ends too early');
    done += bytesRead;
  }
  return bytes;
}

/** A file that breaks the format tells so by an error of the reader, whatever it was. */
export async function asCorrupt<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const message = `${file} is no sound Parquet file: ${(cause as Error).message}`;
    throw new SluiceError('table_corrupt', message, { cause, context: { file } });
  }
}
