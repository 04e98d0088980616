import { describe, expect, it } from 'vitest';
import { AbortedError } from './aborted.error.js';
import { problemOf } from './problem.js';
import { isRookeryError, RookeryError } from './rookery-error.js';
import { TimeoutError } from './timeout.error.js';

class SoldOutError extends RookeryError {
  override readonly code = 'RKY_TEST_SOLD_OUT';
  override readonly status = 409;
  override readonly title = 'Sold out';
}

class BrokenError extends RookeryError {
  override readonly code = 'RKY_TEST_BROKEN';
}

describe('RookeryError', () => {
  it('is recognised by brand across copies of the package', () => {
    const foreign = Object.assign(new Error('from another copy'), {
      [Symbol.for('rookery.error')]: true,
    });
    expect(isRookeryError(foreign)).toBe(true);
    expect(foreign).toBeInstanceOf(RookeryError);
    expect(foreign).not.toBeInstanceOf(TimeoutError);
    expect(new Error('plain')).not.toBeInstanceOf(RookeryError);
  });

  it('keeps its name, code and cause', () => {
    const cause = new Error('socket closed');
    const error = new TimeoutError('GET /stock', 800, cause);
    expect(error).toMatchObject({ name: 'TimeoutError', code: 'RKY_CORE_TIMEOUT', cause });
    expect(error).not.toBeInstanceOf(AbortedError);
  });
});

describe('problemOf', () => {
  it('lets an error below 500 speak for itself', () => {
    expect(
      problemOf(new SoldOutError('tea is sold out', { details: { sku: 'tea' } }), 't1'),
    ).toEqual({
      type: 'urn:rookery:problem:RKY_TEST_SOLD_OUT',
      title: 'Sold out',
      status: 409,
      detail: 'tea is sold out',
      code: 'RKY_TEST_SOLD_OUT',
      sku: 'tea',
      traceId: 't1',
    });
  });

  it.each([new Error('password=hunter2'), new BrokenError('select * from users'), 'text', null])(
    'tells a client nothing of an internal error',
    (error) => {
      const body = JSON.stringify(problemOf(error));
      expect(body).not.toMatch(/hunter2|select/);
      expect(JSON.parse(body)).toMatchObject({ status: 500, detail: 'The request failed.' });
    },
  );
});
