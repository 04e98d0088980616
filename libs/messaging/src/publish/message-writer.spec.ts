import { runInContext, systemClock } from '@rookery/core';
import type { OutgoingRecord } from '@rookery/kafka';
import { Tracing } from '@rookery/observability';
import { beforeEach, describe, expect, it } from 'vitest';
import { noDelays } from '../testing/test-service.js';
import { z } from 'zod';
import { defineCommand, defineEvent, defineReply } from '../contract/define-contract.js';
import { readEnvelope } from '../envelope/envelope.js';
import { MessageWriter } from './message-writer.js';
import { uuidV7 } from './uuid-v7.js';

const Placed = defineEvent('writespec.placed', {
  topic: 'writespec.events',
  owner: 'writespec',
  key: (data) => data.id,
  versions: { 1: z.object({ id: z.string(), note: z.string().optional() }) },
});
const Ok = defineReply('writespec.ok', {
  owner: 'writespec',
  outcome: 'success',
  versions: { 1: z.object({}) },
});
const Do = defineCommand('writespec.do', {
  owner: 'writespec',
  key: (data) => data.id,
  versions: { 1: z.object({ id: z.string() }) },
  replies: [Ok],
});

const tracing = new Tracing({ app: 'writespec', instance: 'writespec-1' });
let written: OutgoingRecord[];
let writer: MessageWriter;

beforeEach(() => {
  written = [];
  writer = new MessageWriter({
    service: 'writespec',
    outbox: { add: async (record: OutgoingRecord) => void written.push(record) },
    delayed: noDelays,
    tracing,
    clock: systemClock,
    maxMessageSize: 2_000,
  });
});

function envelopeOf(record: OutgoingRecord | undefined) {
  return readEnvelope({
    topic: 't',
    partition: 0,
    offset: 0,
    key: null,
    value: null,
    timestamp: 0,
    headers: Object.fromEntries(
      Object.entries(record?.headers ?? {}).map(([name, value]) => [
        name,
        Buffer.from(value as string),
      ]),
    ),
  });
}

describe('MessageWriter', () => {
  it('writes CloudEvents in binary mode, with key and data as the contract says', async () => {
    await writer.publish(Placed, { id: 'o-1', extra: 'dropped' });
    const [record] = written;
    expect(record).toMatchObject({ topic: 'writespec.events', key: 'o-1' });
    expect(String(record?.value)).toBe('{"id":"o-1"}');
    expect(record?.headers).toMatchObject({
      ce_specversion: '1.0',
      ce_type: 'writespec.placed',
      ce_source: '/writespec',
      ce_dataversion: '1',
      'content-type': 'application/json',
    });
    const { id, correlationId } = envelopeOf(record);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(correlationId).toBe(id);
  });

  it('takes trace, correlation and cause from where it is called', async () => {
    await runInContext({ app: 'writespec', correlationId: 'c-1', messageId: 'm-1' }, () =>
      tracing.run('outer', {}, async (span) => {
        await writer.publish(Placed, { id: 'o-1' });
        const { headers, correlationId, causationId } = envelopeOf(written[0]);
        expect(headers['traceparent']).toContain(span.spanContext().traceId);
        expect(headers['b3']).toContain(span.spanContext().traceId);
        expect({ correlationId, causationId }).toEqual({
          correlationId: 'c-1',
          causationId: 'm-1',
        });
      }),
    );
  });

  it('answers under an id that follows from the command, to where the command says', async () => {
    await writer.send(
      Do,
      { id: 'x' },
      { id: 'c-1', replyTo: 'asker.replies', replyKey: 'saga-1', headers: { extra: 'y' } },
    );
    const command = envelopeOf(written[0]);
    expect(command).toMatchObject({ replyTo: 'asker.replies', replyKey: 'saga-1' });
    for (let i = 0; i < 2; i += 1) await writer.answer(command, 'x', { contract: Ok, data: {} });
    expect(written[1]).toMatchObject({ topic: 'asker.replies', key: 'saga-1' });
    expect([1, 2].map((i) => envelopeOf(written[i]).id)).toEqual(['c-1.reply', 'c-1.reply']);
    expect(envelopeOf(written[1])).toMatchObject({ inReplyTo: 'c-1' });
  });

  it('answers nobody when nobody waits', async () => {
    await writer.send(Do, { id: 'x' }, {});
    await writer.answer(envelopeOf(written[0]), 'x', { contract: Ok, data: {} });
    expect(written).toHaveLength(1);
  });

  it.each<[string, () => Promise<void>, string]>([
    [
      'data that does not fit',
      () => writer.publish(Placed, { id: 5 }),
      'RKY_MSG_CONTRACT_VIOLATION',
    ],
    [
      'data that is too large',
      () => writer.publish(Placed, { id: 'x', note: 'x'.repeat(3_000) }),
      'RKY_MSG_TOO_LARGE',
    ],
    ['an empty key', () => writer.publish(Placed, { id: '' }), 'RKY_CORE_INVALID_OPTION'],
    [
      'headers of the platform',
      () => writer.publish(Placed, { id: 'x' }, { headers: { ce_id: 'forged' } }),
      'RKY_CORE_INVALID_OPTION',
    ],
  ])('refuses %s before it writes anything', async (_what, write, code) => {
    await expect(write()).rejects.toMatchObject({ code });
    expect(written).toEqual([]);
  });
});

describe('uuidV7', () => {
  it('orders by time and never repeats', () => {
    const ids = [5, 1_700_000_000_000, 1_700_000_000_001].map(uuidV7);
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(Array.from({ length: 1_000 }, () => uuidV7(1))).size).toBe(1_000);
  });
});
