import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { present } from '../base/assert.ts';
import { SluiceError } from '../base/errors.ts';
import { partitionOfKey } from './partition-hash.ts';
import { PartitionLog } from './partition-log.ts';

export interface HubDefinition {
  readonly name: string;
  readonly partitionCount: number;
  /** `$Default` is there without being named. */
  readonly consumerGroups: readonly string[];
}

/** One hub with its partitions; it lives until it is deleted and created again. */
export interface HubEntity {
  readonly name: string;
  readonly createdAtMs: number;
  readonly partitions: readonly PartitionLog[];
  readonly consumerGroups: ReadonlySet<string>;
  /** The partition of a delivery that names neither partition nor key. */
  nextRoundRobin: number;
}

interface StoredHub {
  readonly name: string;
  readonly createdAtMs: number;
  readonly partitionCount: number;
}

const HUB_FILE = 'hub.json';

/** The hubs of a data folder: `hubs/<name>/hub.json` and a folder for each partition beside it. */
export class Namespace {
  readonly #folder: string;
  readonly #definitions: readonly HubDefinition[];
  readonly #hubs = new Map<string, HubEntity>();

  constructor(dataFolder: string, definitions: readonly HubDefinition[], nowMs: number) {
    this.#folder = join(dataFolder, 'hubs');
    this.#definitions = definitions;
    for (const definition of definitions) this.#open(definition, nowMs);
  }

  find(name: string): HubEntity | undefined {
    return this.#hubs.get(name.toLowerCase());
  }

  /** Deletes a hub with its events and creates it anew: another creation time, numbers from 0. */
  recreate(name: string, nowMs: number): void {
    const old = present(this.find(name), `hub ${name}`);
    const definition = present(
      this.#definitions.find((one) => one.name === old.name),
      `definition of hub ${name}`,
    );
    for (const partition of old.partitions) partition.close();
    rmSync(this.#folderOf(old.name), { recursive: true });
    this.#open(definition, Math.max(nowMs, old.createdAtMs + 1));
  }

  expireOlderThan(timeMs: number): void {
    for (const hub of this.#hubs.values()) for (const partition of hub.partitions) partition.expireOlderThan(timeMs);
  }

  close(): void {
    for (const hub of this.#hubs.values()) for (const partition of hub.partitions) partition.close();
  }

  #open(definition: HubDefinition, nowMs: number): void {
    const folder = this.#folderOf(definition.name);
    const stored = this.#storedHub(folder, definition, nowMs);
    const partitions = Array.from(
      { length: stored.partitionCount },
      (_, index) => new PartitionLog(join(folder, String(index)), String(index)),
    );
    const consumerGroups = new Set(['$default', ...definition.consumerGroups.map((group) => group.toLowerCase())]);
    this.#hubs.set(definition.name.toLowerCase(), {
      name: definition.name,
      createdAtMs: stored.createdAtMs,
      partitions,
      consumerGroups,
      nextRoundRobin: 0,
    });
  }

  #storedHub(folder: string, definition: HubDefinition, nowMs: number): StoredHub {
    const path = join(folder, HUB_FILE);
    const old = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as StoredHub) : undefined;
    if (old !== undefined && old.partitionCount > definition.partitionCount) {
      throw new SluiceError(
        'configuration',
        `hub '${definition.name}' has ${old.partitionCount} partitions in ${folder}, and ` +
          `${definition.partitionCount} were asked for: partitions cannot be taken away; delete the folder or ask ` +
          'for as many',
      );
    }
    const hub: StoredHub = {
      name: definition.name,
      createdAtMs: old?.createdAtMs ?? nowMs,
      partitionCount: definition.partitionCount,
    };
    if (old?.partitionCount === hub.partitionCount) return old;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${path}.new`, JSON.stringify(hub), { flush: true });
    renameSync(`${path}.new`, path);
    return hub;
  }

  #folderOf(name: string): string {
    return join(this.#folder, name.toLowerCase());
  }
}

/** The partition of an id as clients write it. */
export function partitionById(hub: HubEntity, id: string): PartitionLog | undefined {
  return hub.partitions.find((partition) => partition.id === id);
}

/** Partition of the link, else of the key, else the next in turn. */
export function pickPartition(hub: HubEntity, fixed: PartitionLog | undefined, key: string | undefined): PartitionLog {
  if (fixed !== undefined) return fixed;
  const count = hub.partitions.length;
  const index = key === undefined ? hub.nextRoundRobin++ % count : partitionOfKey(key, count);
  return present(hub.partitions[index], `partition ${index} of ${hub.name}`);
}
