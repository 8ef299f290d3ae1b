import { describe, expect, it } from 'vitest';
import { readHubConfig } from '../../../src/hub/hub.ts';

const config = (entities: unknown, namespace: object = {}): string =>
  JSON.stringify({
    UserConfig: {
      NamespaceConfig: [{ Type: 'EventHub', Name: 'emulatorNs1', Entities: entities, ...namespace }],
      LoggingConfig: { Type: 'File' },
    },
  });

describe("the emulator's Config.json", () => {
  it('gives its hubs', () => {
    const text = config([
      { Name: 'eh1', PartitionCount: '2', ConsumerGroups: [{ Name: 'cg1' }] },
      { Name: 'eh2', PartitionCount: 32 },
    ]);
    expect(readHubConfig(text)).toEqual([
      { name: 'eh1', partitionCount: 2, consumerGroups: ['cg1'] },
      { name: 'eh2', partitionCount: 32, consumerGroups: [] },
    ]);
  });

  it.each([
    ['{', 'no JSON'],
    ['{}', 'UserConfig'],
    ['{"UserConfig":{}}', 'UserConfig.NamespaceConfig'],
    [config('x'), 'UserConfig.NamespaceConfig[0].Entities'],
    [config([]), 'UserConfig.NamespaceConfig[0].Entities'],
    [config([{ PartitionCount: 1 }]), 'Entities[0].Name'],
    [config([{ Name: 'a', PartitionCount: 33 }]), 'Entities[0].PartitionCount'],
    [config([{ Name: 'a', PartitionCount: 1.5 }]), 'Entities[0].PartitionCount'],
    [config([{ Name: 'a', PartitionCount: 1, ConsumerGroups: [{}] }]), 'ConsumerGroups[0].Name'],
    [config([{ Name: '../a', PartitionCount: 1 }]), 'hub name'],
    [
      config([
        { Name: 'a', PartitionCount: 1 },
        { Name: 'A', PartitionCount: 1 },
      ]),
      'twice',
    ],
    [config([{ Name: 'a', PartitionCount: 1 }], { Type: 'Kafka' }), 'Type'],
  ])('names what is wrong in %s', (text, named) => {
    expect(() => readHubConfig(text)).toThrow(
      expect.objectContaining({ code: 'configuration', message: expect.stringContaining(named) }),
    );
  });
});
