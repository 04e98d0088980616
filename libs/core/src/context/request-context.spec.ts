import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../testing/virtual-clock.js';
import { Deadline } from '../deadline/deadline.js';
import { TimeoutError } from '../errors/timeout.error.js';
import {
  currentContext,
  isCorrelationId,
  runInContext,
  runWithContext,
} from './request-context.js';

describe('request context', () => {
  it('follows what is awaited and keeps concurrent work apart', async () => {
    const work = (id: string): Promise<string | undefined> =>
      runInContext({ app: 'orders', correlationId: id }, async () => {
        await Promise.resolve();
        return currentContext()?.correlationId;
      });
    expect(await Promise.all([work('a'), work('b')])).toEqual(['a', 'b']);
    expect(currentContext()).toBeUndefined();
  });

  it('changes fields for a part of the work only', () => {
    runInContext({ app: 'orders', correlationId: 'a' }, () => {
      const inner = runWithContext({ correlationId: 'b' }, () => currentContext());
      expect(inner).toMatchObject({ app: 'orders', correlationId: 'b' });
      expect(currentContext()?.correlationId).toBe('a');
    });
  });

  it('does not read what is left as it is, and reads it from where it belongs', () => {
    const made: string[] = [];
    class LazyContext {
      readonly #signal = new AbortController().signal;
      readonly app = 'orders';
      readonly correlationId = 'a';
      get signal(): AbortSignal {
        made.push('signal');
        return this.#signal;
      }
    }
    runInContext(new LazyContext(), () =>
      runWithContext({ deadline: undefined }, () => {
        expect(currentContext()?.app).toBe('orders');
        expect(made).toEqual([]);
        expect(currentContext()?.signal?.aborted).toBe(false);
        expect(made).toEqual(['signal']);
        expect(
          runWithContext({ signal: undefined }, () => currentContext()?.signal),
        ).toBeUndefined();
      }),
    );
  });

  it.each(['a'.repeat(65), '', 'a b', '"}', 'a\r\nb', 7, undefined])(
    'refuses %j as a correlation id from outside',
    (id) => expect(isCorrelationId(id)).toBe(false),
  );
});

describe('Deadline', () => {
  it('counts down, never below zero, and refuses work after it', async () => {
    const clock = new VirtualClock();
    const deadline = Deadline.in(100, clock);
    expect(deadline.within(500)).toBe(deadline);
    expect(deadline.within(40).remainingMs).toBe(40);
    deadline.check('lookup');
    await clock.advance(150);
    expect(deadline.remainingMs).toBe(0);
    expect(() => deadline.check('lookup')).toThrow(TimeoutError);
  });
});
