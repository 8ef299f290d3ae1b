import { SluiceError } from '../base/errors.ts';
import { HUB_LIMITS } from './limits.ts';
import type { HubDefinition } from './namespace.ts';

const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,254}[A-Za-z0-9])?$/;
const GROUP_NAME = /^\$?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?$/;

/** The hubs of the `Config.json` that Microsoft's emulator reads; errors name the field that is wrong. */
export function parseHubConfig(text: string): HubDefinition[] {
  const root = asObject(parseJson(text), 'Config.json');
  const user = asObject(root['UserConfig'], 'UserConfig');
  const namespaces = asArray(user['NamespaceConfig'], 'UserConfig.NamespaceConfig');
  if (namespaces.length !== 1) throw wrong('UserConfig.NamespaceConfig', 'exactly one namespace');
  const at = 'UserConfig.NamespaceConfig[0]';
  const namespace = asObject(namespaces[0], at);
  const type = namespace['Type'];
  if (type !== undefined && String(type).toLowerCase() !== 'eventhub') throw wrong(`${at}.Type`, '"EventHub"');
  const entities = asArray(namespace['Entities'], `${at}.Entities`);
  if (entities.length === 0) throw wrong(`${at}.Entities`, 'at least one hub');
  const hubs = entities.map((entity, index) => readEntity(entity, `${at}.Entities[${index}]`));
  checkHubs(hubs);
  return hubs;
}

/** Names, counts and repeats, wherever the definitions come from. */
export function checkHubs(hubs: readonly HubDefinition[]): void {
  const seen = new Set<string>();
  if (hubs.length > HUB_LIMITS.hubsMax) throw wrong('hubs', `at most ${HUB_LIMITS.hubsMax} hubs`);
  for (const hub of hubs) {
    if (!NAME.test(hub.name)) throw wrong('hub name', `letters, digits, '.', '-' and '_', and not '${hub.name}'`);
    if (seen.has(hub.name.toLowerCase())) throw wrong('hub name', `each name once, and '${hub.name}' is there twice`);
    seen.add(hub.name.toLowerCase());
    checkPartitionCount(hub.partitionCount, `partition count of hub '${hub.name}'`);
    if (hub.consumerGroups.length > HUB_LIMITS.consumerGroupsMax) {
      throw wrong(`consumer groups of hub '${hub.name}'`, `at most ${HUB_LIMITS.consumerGroupsMax}`);
    }
    for (const group of hub.consumerGroups) {
      if (!GROUP_NAME.test(group)) throw wrong(`consumer group of hub '${hub.name}'`, `a name, and not '${group}'`);
    }
  }
}

function readEntity(value: unknown, at: string): HubDefinition {
  const entity = asObject(value, at);
  const partitionCount = Number(entity['PartitionCount']);
  checkPartitionCount(partitionCount, `${at}.PartitionCount`);
  const groups = entity['ConsumerGroups'] ?? [];
  return {
    name: asText(entity['Name'], `${at}.Name`),
    partitionCount,
    consumerGroups: asArray(groups, `${at}.ConsumerGroups`).map((group, index) => {
      const place = `${at}.ConsumerGroups[${index}]`;
      return asText(asObject(group, place)['Name'], `${place}.Name`);
    }),
  };
}

function checkPartitionCount(count: number, at: string): void {
  const isRight = Number.isInteger(count) && count >= 1 && count <= HUB_LIMITS.partitionCountMax;
  if (!isRight) throw wrong(at, `a whole number from 1 to ${HUB_LIMITS.partitionCountMax}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new SluiceError('configuration', `the hub's Config.json is no JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function asObject(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(at, 'an object');
  return value as Readonly<Record<string, unknown>>;
}

function asArray(value: unknown, at: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(at, 'an array');
  return value;
}

function asText(value: unknown, at: string): string {
  if (typeof value !== 'string' || value === '') throw wrong(at, 'a name');
  return value;
}

function wrong(field: string, expected: string): SluiceError {
  return new SluiceError('configuration', `the hub's configuration is wrong at ${field}: it takes ${expected}`, {
    context: { field },
  });
}
