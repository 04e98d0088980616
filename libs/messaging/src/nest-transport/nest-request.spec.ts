import { BadRequestException, InternalServerErrorException } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { TimeoutError } from '@rookery/core';
import { describe, expect, it } from 'vitest';
import { answerOf, refusalOf, requestOf } from './nest-request.js';

const headers = {
  kafka_correlationId: 'id-1',
  kafka_replyTopic: 'sums.reply',
  kafka_replyPartition: '2',
};
const request = { correlationId: 'id-1', topic: 'sums.reply', partition: 2 };

function errorOf(error: unknown): unknown {
  return JSON.parse(String(refusalOf(request, error).headers?.['kafka_nest-err']));
}

describe("a request of Nest's client", () => {
  it('says where its answer goes, or that nobody waits for one', () => {
    expect(requestOf(headers)).toEqual(request);
    expect(requestOf({ ...headers, kafka_correlationId: '' })).toBeUndefined();
    expect(requestOf({ kafka_correlationId: 'id-1' })).toBeUndefined();
    expect(() => requestOf({ ...headers, kafka_replyTopic: 'a b' })).toThrow(/no name of a topic/);
    expect(() => requestOf({ ...headers, kafka_replyPartition: '-1' })).toThrow(/no partition/);
    expect(() => requestOf({ ...headers, kafka_replyPartition: 'x' })).toThrow(/no partition/);
  });

  it('K22: is answered whole, whatever the fields are called, and nothing is changed', () => {
    const result = Object.freeze({ value: 5, key: 'k', headers: { a: 1 }, currency: 'EUR' });
    const { value, ...rest } = answerOf(request, result);
    expect(JSON.parse(String(value))).toEqual(result);
    expect(rest).toEqual({
      topic: 'sums.reply',
      partition: 2,
      key: null,
      headers: { kafka_correlationId: 'id-1', 'kafka_nest-is-disposed': Buffer.alloc(1) },
    });
    expect(answerOf(request, 'text').value).toBe('text');
    expect(answerOf(request, 5).value).toBe('5');
    expect(answerOf(request, undefined).value).toBeNull();
  });

  it('K6: is refused with what the caller may know', () => {
    expect(errorOf(new RpcException('no stock'))).toEqual({ status: 'error', message: 'no stock' });
    expect(errorOf(new RpcException({ code: 'NO_STOCK' }))).toEqual({ code: 'NO_STOCK' });
    expect(errorOf({ from: 'a filter' })).toEqual({ from: 'a filter' });
    expect(errorOf(new BadRequestException(['a must be a number']))).toEqual({
      status: 'error',
      statusCode: 400,
      message: ['a must be a number'],
    });
    const internal = { status: 'error', message: 'Internal server error' };
    expect(errorOf(new Error('password is x'))).toEqual(internal);
    expect(errorOf(new InternalServerErrorException('password is x'))).toEqual(internal);
    expect(errorOf(new TimeoutError('the database', 5))).toMatchObject({
      code: expect.stringMatching(/^RKY_/),
    });
    expect(errorOf(undefined)).toEqual(internal);
  });
});
