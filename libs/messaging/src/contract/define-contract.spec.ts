import { InvalidOptionError } from '@rookery/core';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { ContractViolationError, UnreadableRecordError } from '../messaging.errors.js';
import { OnCommand } from '../handler/on-command.decorator.js';
import { OnEvent } from '../handler/on-event.decorator.js';
import { handlerBindings } from '../handler/handler-binding.js';
import { reply, type Reply } from '../handler/reply.js';
import { decodeData, encodeData } from './contract-codec.js';
import type { DataOf, EventContract, MessageContract } from './contract.js';
import { defineCommand, defineEvent, defineReply } from './define-contract.js';
import type { StandardSchema } from './standard-schema.js';

const V1 = z.object({ orderId: z.string() });
const V2 = z.object({ orderId: z.string(), currency: z.string() });
const V3 = z.object({ orderId: z.string(), price: z.object({ currency: z.string() }) });

const OrderPlaced = defineEvent('spec.order-placed', {
  topic: 'spec.events',
  owner: 'spec',
  key: (data) => data.orderId,
  versions: { 1: V1, 2: V2, 3: V3 },
  upcast: {
    1: (v1) => ({ ...v1, currency: 'EUR' }),
    2: ({ orderId, currency }) => ({ orderId, price: { currency } }),
  },
});
const Reserved = defineReply('spec.reserved', {
  owner: 'spec',
  outcome: 'success',
  versions: { 1: z.object({ id: z.string() }) },
});
const Refused = defineReply('spec.refused', {
  owner: 'spec',
  outcome: 'refusal',
  versions: { 1: z.object({ why: z.string() }) },
});
const Unrelated = defineReply('spec.unrelated', {
  owner: 'spec',
  outcome: 'success',
  versions: { 1: z.object({ id: z.string() }) },
});
const Reserve = defineCommand('spec.reserve', {
  owner: 'spec',
  key: (data) => data.sku,
  versions: { 1: z.object({ sku: z.string() }) },
  replies: [Reserved, Refused],
});

describe('a contract', () => {
  it('gives its types to publishers, handlers and replies', () => {
    expectTypeOf<DataOf<typeof OrderPlaced>>().toEqualTypeOf<z.output<typeof V3>>();
    expectTypeOf(OrderPlaced).toExtend<EventContract>();
    expectTypeOf([OrderPlaced, Reserved, Reserve]).toExtend<MessageContract[]>();
    class Handlers {
      @OnEvent(OrderPlaced)
      async right(data: DataOf<typeof OrderPlaced>): Promise<string> {
        return data.price.currency;
      }

      // @ts-expect-error the event has no such data
      @OnEvent(OrderPlaced)
      async wrongData(data: { weight: number }): Promise<number> {
        return data.weight;
      }

      @OnEvent(OrderPlaced, { uses: ['price.currency'] })
      async part(data: Pick<DataOf<typeof OrderPlaced>, 'price'>): Promise<string> {
        return data.price.currency;
      }

      // @ts-expect-error it says that it uses less
      @OnEvent(OrderPlaced, { uses: ['orderId'] })
      async more(data: DataOf<typeof OrderPlaced>): Promise<string> {
        return data.price.currency;
      }

      // @ts-expect-error the event has no such field
      @OnEvent(OrderPlaced, { uses: ['weight'] })
      async none(): Promise<void> {}

      @OnCommand(Reserve)
      async either({ sku }: DataOf<typeof Reserve>) {
        return sku === '' ? reply(Refused, { why: 'none' }) : reply(Reserved, { id: '1' });
      }

      // @ts-expect-error the command may not be answered with it
      @OnCommand(Reserve)
      async wrongReply(): Promise<Reply<typeof Unrelated>> {
        return reply(Unrelated, { id: '1' });
      }

      // @ts-expect-error a command is answered
      @OnCommand(Reserve)
      async noReply(): Promise<void> {}
    }
    expect(handlerBindings(Handlers.prototype.right)).toMatchObject([{ contract: OrderPlaced }]);
    expect(handlerBindings(Handlers.prototype.part)).toMatchObject([
      { options: { uses: ['price.currency'] } },
    ]);
  });

  it('knows its newest version and its topic', () => {
    expect(OrderPlaced.latest).toBe(3);
    expect(Reserve.topic).toBe('spec.commands');
  });

  it.each<[string, () => unknown, string]>([
    [
      'a name without context',
      () => defineReply('placed', { owner: 'spec', outcome: 'success', versions: { 1: V1 } }),
      'name',
    ],
    [
      'no version',
      () => defineReply('spec.none', { owner: 'spec', outcome: 'success', versions: {} } as never),
      'at least one',
    ],
    [
      'a gap between versions',
      () =>
        defineReply('spec.gap', {
          owner: 'spec',
          outcome: 'success',
          versions: { 1: V1, 3: V3 },
          upcast: { 1: ((v: unknown) => v) as never },
        } as never),
      'gap',
    ],
    [
      'an older version without an upcast',
      () =>
        defineReply('spec.no-upcast', {
          owner: 'spec',
          outcome: 'success',
          versions: { 1: V1, 2: V2 },
        } as never),
      'upcast.1',
    ],
    [
      'data that JSON would change',
      () =>
        defineReply('spec.date', {
          owner: 'spec',
          outcome: 'success',
          versions: { 1: z.object({ at: z.date() }) },
        }),
      'must describe JSON',
    ],
    [
      'a topic that Kafka does not allow',
      () =>
        defineEvent('spec.topic', {
          topic: 'no spaces',
          owner: 'spec',
          key: () => 'k',
          versions: { 1: V1 },
        }),
      'topic',
    ],
  ])('refuses %s', (_what, define, problem) => {
    expect(define).toThrow(InvalidOptionError);
    expect(define).toThrow(problem);
  });

  it('takes any Standard Schema', () => {
    const text: StandardSchema<{ text: string }> = {
      '~standard': {
        version: 1,
        vendor: 'hand-made',
        validate: (value) =>
          typeof (value as { text?: unknown } | null)?.text === 'string'
            ? { value: value as { text: string } }
            : { issues: [{ message: 'expected a text', path: ['text'] }] },
      },
    };
    const Said = defineEvent('spec.said', {
      topic: 'spec.events',
      owner: 'spec',
      key: (data) => data.text,
      versions: { 1: text },
    });
    expect(encodeData(Said, { text: 'x' })).toEqual({ text: 'x' });
    expect(() => encodeData(Said, {})).toThrow('spec.said v1: text: expected a text');
  });

  it('refuses a schema that validates asynchronously', () => {
    const slow: StandardSchema = {
      '~standard': { version: 1, vendor: 'x', validate: async (value) => ({ value }) },
    };
    const Slow = defineReply('spec.slow', {
      owner: 'spec',
      outcome: 'success',
      versions: { 1: slow },
    });
    expect(() => encodeData(Slow, {})).toThrow('asynchronous');
  });
});

describe('data on its way', () => {
  it('is stripped of what the contract does not name', () => {
    const data = { orderId: '1', price: { currency: 'EUR' }, password: 'secret' };
    expect(encodeData(OrderPlaced, data)).toEqual({ orderId: '1', price: { currency: 'EUR' } });
  });

  it('is refused with every field that is wrong', () => {
    const write = (): unknown => encodeData(OrderPlaced, { orderId: 1, price: {} });
    expect(write).toThrow(ContractViolationError);
    expect(write).toThrow(/orderId: .*price\.currency: /);
  });

  it('is brought from any old version to the newest', () => {
    expect(decodeData(OrderPlaced, 1, { orderId: '1' })).toEqual({
      orderId: '1',
      price: { currency: 'EUR' },
    });
    expect(decodeData(OrderPlaced, 2, { orderId: '1', currency: 'CHF' })).toEqual({
      orderId: '1',
      price: { currency: 'CHF' },
    });
  });

  it('is checked against the version it was written in', () => {
    expect(() => decodeData(OrderPlaced, 2, { orderId: '1' })).toThrow('spec.order-placed v2');
  });

  it('of a newer version is read, fields that are not known aside, if the contract promises it', () => {
    const newer = { orderId: '1', price: { currency: 'EUR', cents: 5 }, more: true };
    expect(decodeData(OrderPlaced, 4, newer)).toEqual({
      orderId: '1',
      price: { currency: 'EUR' },
    });
    const Strict = defineReply('spec.strict', {
      owner: 'spec',
      outcome: 'success',
      compatibility: 'BACKWARD',
      versions: { 1: V1 },
    });
    expect(() => decodeData(Strict, 2, { orderId: '1' })).toThrow(UnreadableRecordError);
  });
});
