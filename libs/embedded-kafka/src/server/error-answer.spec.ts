import { systemClock } from '@rookery/core';
import { describe, expect, it } from 'vitest';
import { optionsSchema } from '../embedded-kafka.options.js';
import { ErrorCode } from '../protocol/error-code.js';
import { WireReader } from '../wire/wire-reader.js';
import { WireWriter } from '../wire/wire-writer.js';
import { allRoutes } from './all-routes.js';
import { Broker } from './broker.js';
import { errorAnswer } from './error-answer.js';

const broker = Broker.open(optionsSchema.parse({}), systemClock, () => {});
const apis = allRoutes(broker, () => {}).map(({ api }) => api);

/** A request of any API, with what each of them needs to be answered. */
const request = {
  topics: [{ name: 't', topicId: '0'.repeat(32), partitions: [{ index: 3 }] }],
  names: ['t'],
  keys: ['g'],
  groups: [{ groupId: 'g' }],
  memberId: 'm',
  transactionalIds: ['x'],
  resources: [{ type: 2, name: 't' }],
  acks: -1,
};

/** APIs whose requests name the same with other shapes. */
const shapes: Record<string, object> = {
  AddPartitionsToTxn: { topics: [{ name: 't', partitions: [3] }] },
  OffsetFetch: { topics: [{ name: 't', partitions: [3] }] },
  DescribeGroups: { groups: ['g'] },
  DeleteGroups: { groups: ['g'] },
};

/** The two that authenticate have failures of their own. */
const served = apis.filter(({ name }) => !name.startsWith('Sasl'));

describe('an error answer', () => {
  it.each(served.map((api) => [api.name, api] as const))('of %s, in all versions', (name, api) => {
    for (let version = api.versions[0]; version <= api.versions[1]; version++) {
      const flexible = version >= api.flexibleFrom;
      const failure = { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, version, brokers: [] };
      const answer = errorAnswer(api, { ...request, ...shapes[name] }, failure);
      expect(answer).toBeDefined();
      const writer = new WireWriter();
      api.response.write(writer, answer, version, flexible);
      const reader = new WireReader(Buffer.concat(writer.finish()));
      const read: unknown = api.response.read(reader, version, flexible);
      expect(reader.remaining).toBe(0);
      expect(JSON.stringify(read)).toContain(`"errorCode":${ErrorCode.KAFKA_STORAGE_ERROR}`);
    }
  });
});
