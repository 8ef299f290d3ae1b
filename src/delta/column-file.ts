import type { Column, ColumnType, TableContract } from '../../schemas/contract.ts';
import { SluiceError } from '../base/errors.ts';
import { createParquetFile } from '../parquet/parquet.ts';
import type { ColumnBounds, GrowingParquetFile, ParquetColumn, ParquetRows } from '../parquet/parquet.ts';
import type { Scratch } from '../storage/scratch.ts';
import type { ColumnFile, DataFile, TableLocation } from './delta.ts';
import { uploadFile } from './data-files.ts';
import { newFilePath, type PartitionValues } from './partition-path.ts';
import { statisticsText } from './statistics.ts';
import type { ColumnStatistics } from './statistics.ts';
import { dataColumns } from './table-schema.ts';

/** See the door. */
export async function createColumnFile(
  location: TableLocation,
  contract: TableContract,
  values: PartitionValues,
  scratch: Scratch,
): Promise<ColumnFile> {
  const localFile = scratch.newFile('.parquet');
  const columns = dataColumns(contract).map((column) => parquetColumn(contract, column));
  return new LocalColumnFile(location, contract, values, localFile, await createParquetFile(localFile, columns));
}

class LocalColumnFile implements ColumnFile {
  readonly #location: TableLocation;
  readonly #contract: TableContract;
  readonly #values: PartitionValues;
  readonly #localFile: string;
  readonly #growing: GrowingParquetFile;

  constructor(
    location: TableLocation,
    contract: TableContract,
    values: PartitionValues,
    localFile: string,
    growing: GrowingParquetFile,
  ) {
    this.#location = location;
    this.#contract = contract;
    this.#values = values;
    this.#localFile = localFile;
    this.#growing = growing;
  }

  append(rows: ParquetRows): Promise<void> {
    return this.#growing.append(rows);
  }

  async store(signal: AbortSignal): Promise<DataFile> {
    const { rowCount, columns } = await this.#growing.close();
    const types = new Map(this.#contract.columns.map(({ name, type }) => [name, type]));
    const found = [...columns].map(([name, bounds]) => [name, asStatistics(bounds, types.get(name))] as const);
    const statistics = statisticsText(this.#contract, BigInt(rowCount), new Map(found));
    const path = newFilePath(this.#contract, this.#values);
    const written = { localFile: this.#localFile, path, rows: rowCount, values: this.#values, statistics };
    return uploadFile(this.#location, this.#contract, written, signal);
  }

  discard(): Promise<void> {
    return this.#growing.discard();
  }
}

function parquetColumn(contract: TableContract, { name, type }: Column): ParquetColumn {
  const bounds = !(contract.withoutBounds ?? []).includes(name);
  if (type === 'string' || type === 'long' || type === 'integer' || type === 'timestamp') return { name, type, bounds };
  // More digits would not fit into 64 bits.
  if (isDecimal(type) && Number(DECIMAL.exec(type)?.[1]) <= 18) return { name, type, bounds };
  throw new SluiceError('internal', `a file of columns takes no ${type}: ${name}`);
}

/** In the words of DuckDB, which the statistics of its files come in. */
function asStatistics({ least, greatest, nullCount }: ColumnBounds, type: string | undefined): ColumnStatistics {
  const textOf = (bound: bigint | string | undefined): string | undefined =>
    bound === undefined ? undefined : boundText(bound, type);
  return { least: textOf(least), greatest: textOf(greatest), nullCount: String(nullCount), hasNaN: false };
}

const DECIMAL = /^decimal\((\d+),(\d+)\)$/;

function isDecimal(type: ColumnType): type is `decimal(${number},${number})` {
  return DECIMAL.test(type);
}

function boundText(bound: bigint | string, type: string | undefined): string {
  if (type === 'timestamp') return timestampText(BigInt(bound));
  const scale = Number(DECIMAL.exec(type ?? '')?.[2] ?? 0);
  if (scale === 0) return String(bound);
  const digits = String(bound)
    .replace('-', '')
    .padStart(scale + 1, '0');
  return `${BigInt(bound) < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function timestampText(us: bigint): string {
  const micros = ((us % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const second = new Date(Number((us - micros) / 1000n)).toISOString().slice(0, 19).replace('T', ' ');
  return `${second}.${String(micros).padStart(6, '0')}+00`;
}
