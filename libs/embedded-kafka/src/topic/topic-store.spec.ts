import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../protocol/error-code.js';
import { Journal } from '../storage/journal.js';
import { recordBatch } from '../testing/record-batch-builder.js';
import { temporaryDirectory } from '../testing/temporary-directory.js';
import { Leadership } from '../cluster/leadership.js';
import { Nodes } from '../cluster/nodes.js';
import { TopicStore } from './topic-store.js';

const failsWith = (errorCode: ErrorCode) => expect.objectContaining({ errorCode });

describe('TopicStore', () => {
  const setUp = () => {
    const directory = temporaryDirectory();
    const open = (): TopicStore =>
      new TopicStore({
        journal: new Journal(join(directory, 'topics.journal')),
        directory: join(directory, 'logs'),
        fsync: false,
        maxPartitions: 10,
        defaultPartitions: 2,
        retentionBytes: 1_000_000,
        retention: 1_000_000,
        leadership: new Leadership(new Nodes(1), new Journal()),
        clock: new VirtualClock(),
        log: () => {},
      });
    return { directory, open };
  };

  it('keeps topics, partitions, configs and records between starts', async () => {
    const { open } = setUp();
    const store = open();
    const { id } = store.create('a', -1, { 'retention.ms': '5000' });
    store.create('b', 1, {});
    store.grow('b', 3);
    store.partition('b', 2).append(recordBatch([{ value: 'x' }]));
    await store.close();
    const again = open();
    expect(again.all().map(({ name, partitions }) => [name, partitions.length])).toEqual([
      ['a', 2],
      ['b', 3],
    ]);
    expect(again.get('a')).toMatchObject({ id, configs: { 'retention.ms': '5000' } });
    expect(again.partition('b', 2).endOffset).toBe(1);
  });

  it('keeps where records were deleted', async () => {
    const { open } = setUp();
    const store = open();
    store.create('a', 1, {});
    for (let n = 0; n < 4; n++) store.partition('a', 0).append(recordBatch([{ value: 'x' }]));
    expect(store.deleteRecords('a', 0, 3)).toBe(3);
    // Not closed: as after a kill.
    const again = open();
    expect([again.partition('a', 0).startOffset, again.partition('a', 0).endOffset]).toEqual([
      3, 4,
    ]);
    expect(again.deleteRecords('a', 0, -1)).toBe(4);
    expect([open().partition('a', 0).startOffset, open().partition('a', 0).endOffset]).toEqual([
      4, 4,
    ]);
    expect(() => again.deleteRecords('a', 0, 5)).toThrow(failsWith(ErrorCode.OFFSET_OUT_OF_RANGE));
  });

  it('deletes a topic with its files and starts afresh under the same name', () => {
    const { directory, open } = setUp();
    const store = open();
    const deleted: string[] = [];
    store.onDelete((name) => deleted.push(name));
    store.create('a', 1, {});
    store.partition('a', 0).append(recordBatch([{ value: 'x' }]));
    store.delete('a');
    expect(deleted).toEqual(['a']);
    expect(readdirSync(join(directory, 'logs'))).toEqual([]);
    store.create('a', 1, {});
    expect(store.partition('a', 0).endOffset).toBe(0);
    expect(open().partition('a', 0).endOffset).toBe(0);
  });

  it('removes at start what an interrupted deletion left', () => {
    const { directory, open } = setUp();
    mkdirSync(join(directory, 'logs', 'deadbeef', '0'), { recursive: true });
    open();
    expect(existsSync(join(directory, 'logs', 'deadbeef'))).toBe(false);
  });

  it('applies altered configs at once', () => {
    const { open } = setUp();
    const store = open();
    store.create('a', 1, {});
    store.configure('a', { 'max.message.bytes': '100' });
    expect(() => store.partition('a', 0).append(recordBatch([{ value: 'x'.repeat(100) }]))).toThrow(
      failsWith(ErrorCode.MESSAGE_TOO_LARGE),
    );
    store.configure('a', {}, true);
    expect(store.get('a')?.configs).toEqual({ 'max.message.bytes': '100' });
  });

  it.each(['', '.', '..', 'a/b', 'ä', 'x'.repeat(250), '../etc'])('refuses the name %j', (name) => {
    expect(() => setUp().open().create(name, 1, {})).toThrow(failsWith(ErrorCode.INVALID_TOPIC));
  });

  it('refuses a name that differs from another in . and _ alone, as Kafka does', () => {
    const store = setUp().open();
    store.create('a.b', 1, {});
    expect(() => store.create('a_b', 1, {})).toThrow(failsWith(ErrorCode.INVALID_TOPIC));
    expect(() => store.create('a-b', 1, {})).not.toThrow();
  });

  it.each([
    ['retention.ms', 'soon', 'a whole number >= -1'],
    ['segment.bytes', '10', 'a whole number >= 1024'],
    ['cleanup.policy', 'compact', "'delete'"],
    ['message.timestamp.type', 'LogAppendTime', "'CreateTime'"],
    ['no.such.config', '1', 'unknown topic config'],
  ])('refuses the config %s=%s', (name, value, expected) => {
    expect(() =>
      setUp()
        .open()
        .create('a', 1, { [name]: value }),
    ).toThrow(
      expect.objectContaining({
        errorCode: ErrorCode.INVALID_CONFIG,
        message: expect.stringContaining(expected) as string,
      }),
    );
  });

  it('refuses what is there, what is not there, and what is too much', () => {
    const store = setUp().open();
    store.create('a', 4, {});
    expect(() => store.create('a', 1, {})).toThrow(failsWith(ErrorCode.TOPIC_ALREADY_EXISTS));
    expect(() => store.create('b', 0, {})).toThrow(failsWith(ErrorCode.INVALID_PARTITIONS));
    expect(() => store.create('b', 7, {})).toThrow(failsWith(ErrorCode.POLICY_VIOLATION));
    expect(() => store.grow('a', 4)).toThrow(failsWith(ErrorCode.INVALID_PARTITIONS));
    expect(() => store.grow('a', 11)).toThrow(failsWith(ErrorCode.POLICY_VIOLATION));
    store.grow('a', 10, true);
    expect(store.get('a')?.partitions).toHaveLength(4);
    for (const act of [
      () => store.delete('b'),
      () => store.grow('b', 2),
      () => store.configure('b', {}),
      () => store.partition('b', 0),
      () => store.partition('a', 4),
      () => store.partition('a', -1),
    ]) {
      expect(act).toThrow(failsWith(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
    }
    expect(store.create('b', 1, {}, true).partitions).toBe(1);
    expect(store.get('b')).toBeUndefined();
  });
});
