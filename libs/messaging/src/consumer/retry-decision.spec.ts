import { BadRequestException, HttpException, ServiceUnavailableException } from '@nestjs/common';
import { InvalidOptionError, RookeryError, TimeoutError } from '@rookery/core';
import { DatabaseUnavailableError, PoolExhaustedError } from '@rookery/persistence';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ContractViolationError, UnprocessableMessageError } from '../messaging.errors.js';
import { failureKind, retryDelay } from './retry-decision.js';

class OutOfStock extends RookeryError {
  override readonly code = 'SPEC_OUT_OF_STOCK';
  override readonly status = 409;
}

class Unknown extends RookeryError {
  override readonly code = 'SPEC_UNKNOWN';
  override readonly status = 404;
}

describe('failureKind', () => {
  it.each<[string, unknown, string]>([
    ['the database is away', new DatabaseUnavailableError(new Error('gone')), 'outage'],
    ['no connection is free', new PoolExhaustedError(5, new Error('busy')), 'outage'],
    [
      'a connection to somewhere was reset',
      Object.assign(new Error('x'), { code: 'ECONNRESET' }),
      'transient',
    ],
    ['data breaks a contract', new ContractViolationError('c', 1, ['x']), 'permanent'],
    ['the handler says so', new UnprocessableMessageError('x'), 'permanent'],
    ['a pipe refuses', new BadRequestException(), 'permanent'],
    ['zod refuses', new z.ZodError([]), 'permanent'],
    ['something is not found', new Unknown('x'), 'permanent'],
    ['there is a conflict', new OutOfStock('x'), 'transient'],
    ['another service is slow', new TimeoutError('call', 5), 'transient'],
    ['another service is away', new ServiceUnavailableException(), 'transient'],
    ['there are too many requests', new HttpException('x', 429), 'transient'],
    ['something is misconfigured', new InvalidOptionError('x', []), 'transient'],
    ['there is a bug', new TypeError('x is undefined'), 'transient'],
    ['what is thrown is no error', 'text', 'transient'],
    ['nothing is thrown', undefined, 'transient'],
  ])('when %s', (_when, error, kind) => {
    expect(failureKind(error)).toBe(kind);
  });
});

describe('retryDelay', () => {
  const policy = { attempts: 9, backoff: { initial: 100, max: 1_000, factor: 2 } };

  it('doubles up to its limit, between half and all of it', () => {
    const delays = (random: number): number[] =>
      [1, 2, 3, 4, 5, 500].map((attempt) => retryDelay(policy, attempt, () => random));
    expect(delays(0)).toEqual([50, 100, 200, 400, 500, 500]);
    expect(delays(1)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });
});
