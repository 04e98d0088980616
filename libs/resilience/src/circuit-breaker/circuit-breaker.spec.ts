import { AbortedError, InvalidOptionError, RookeryError, TimeoutError } from '@rookery/core';
import { seededRandom, VirtualClock } from '@rookery/core/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BulkheadFullError } from '../bulkhead/bulkhead-full.error.js';
import { circuitCallChannel, circuitStateChannel } from '../resilience.channels.js';
import { circuitBreaker, type CircuitBreaker } from './circuit-breaker.js';
import type { CircuitBreakerOptions } from './circuit-breaker.options.js';
import { CircuitOpenError } from './circuit-open.error.js';

class NotFound extends RookeryError {
  override readonly code = 'TEST_NOT_FOUND';
  override readonly status = 404;
}

function setup(options: CircuitBreakerOptions = {}) {
  const clock = new VirtualClock();
  const breaker = circuitBreaker(
    { window: { type: 'count', size: 4 }, openDuration: '10s', halfOpenCalls: 2, ...options },
    { name: 'inventory', clock, random: seededRandom(1) },
  );
  return { clock, breaker };
}

const succeed = (breaker: CircuitBreaker): Promise<string> => breaker.run(async () => 'ok');
const fail = (breaker: CircuitBreaker, error = new Error('down')): Promise<unknown> =>
  breaker.run(() => Promise.reject(error)).catch((caught: unknown) => caught);

async function open(breaker: CircuitBreaker): Promise<void> {
  for (let i = 0; i < 4; i++) await fail(breaker);
  expect(breaker.state).toBe('open');
}

/** A call whose end the test decides. */
function pending(breaker: CircuitBreaker) {
  let resolve!: (value: string) => void;
  let reject!: (error: Error) => void;
  const result = breaker.run(
    () =>
      new Promise<string>((ok, bad) => {
        resolve = ok;
        reject = bad;
      }),
  );
  result.catch(() => {});
  return { result, resolve, reject };
}

describe('a closed circuit breaker', () => {
  it('hands results and errors through', async () => {
    const { breaker } = setup();
    await expect(succeed(breaker)).resolves.toBe('ok');
    const error = new Error('down');
    await expect(breaker.run(() => Promise.reject(error))).rejects.toBe(error);
    await expect(
      breaker.run(() => {
        throw error;
      }),
    ).rejects.toBe(error);
  });

  it('does not decide before the minimum number of calls', async () => {
    const { breaker } = setup({ window: { type: 'count', size: 10 }, minimumCalls: 3 });
    for (let i = 0; i < 2; i++) await fail(breaker);
    expect(breaker).toMatchObject({ state: 'closed', metrics: { failureRate: -1 } });
    await fail(breaker);
    expect(breaker.state).toBe('open');
  });

  it('opens at the failure rate, not below it', async () => {
    const { breaker } = setup();
    await succeed(breaker);
    await succeed(breaker);
    await succeed(breaker);
    await fail(breaker);
    expect(breaker.metrics.failureRate).toBe(25);
    expect(breaker.state).toBe('closed');
    await fail(breaker);
    expect(breaker.state).toBe('open');
  });

  it('opens at the rate of calls that are strictly slower than allowed', async () => {
    const { breaker, clock } = setup({ slowCallDuration: '500ms', slowCallRate: 50 });
    const slow = async (ms: number): Promise<void> => {
      const call = breaker.run(() => clock.sleep(ms));
      await clock.advance(ms);
      await call;
    };
    await slow(500);
    await slow(500);
    await slow(500);
    await slow(501);
    expect(breaker.metrics.slowCallRate).toBe(25);
    await slow(700);
    expect(breaker.state).toBe('open');
  });

  it('measures long slow calls with the coarse clock', async () => {
    const { breaker, clock } = setup({ slowCallDuration: '60s', slowCallRate: 50 });
    for (let i = 0; i < 4; i++) {
      const call = breaker.run(() => clock.sleep(60_100));
      await clock.advance(60_100);
      await call;
    }
    expect(breaker.state).toBe('open');
    expect(breaker.metrics.successful.maxSeconds).toBeCloseTo(60.1, 1);
  });

  it('forgets what is older than a time window', async () => {
    const { breaker, clock } = setup({
      window: { type: 'time', duration: '5s' },
      minimumCalls: 3,
    });
    await fail(breaker);
    await fail(breaker);
    await clock.advance(6_000);
    await fail(breaker);
    expect(breaker.state).toBe('closed');
    expect(breaker.metrics.bufferedCalls).toBe(1);
    await fail(breaker);
    await fail(breaker);
    expect(breaker.state).toBe('open');
  });

  it('takes answers below 500 for successes, except those that ask for less', async () => {
    const { breaker } = setup();
    for (let i = 0; i < 4; i++) await fail(breaker, new NotFound('no such article'));
    expect(breaker.metrics).toMatchObject({ bufferedCalls: 4, bufferedFailures: 0 });
    for (let i = 0; i < 2; i++) await fail(breaker, Object.assign(new Error(), { status: 429 }));
    expect(breaker.state).toBe('open');
  });

  it('does not count calls that the caller gave up or that found no place', async () => {
    const { breaker } = setup();
    for (let i = 0; i < 10; i++) {
      await fail(breaker, new AbortedError('call'));
      await fail(breaker, new BulkheadFullError('b', 1));
    }
    expect(breaker.metrics).toMatchObject({ bufferedCalls: 0, ignored: 20 });
  });

  it('counts what its options say', async () => {
    class Harmless extends Error {}
    const { breaker } = setup({
      ignore: [Harmless],
      record: (error) => error instanceof TimeoutError,
      recordResult: (result) => result === 'empty',
    });
    await fail(breaker, new Harmless());
    await fail(breaker, new Error('not recorded'));
    await fail(breaker, new TimeoutError('x', 1));
    await breaker.run(() => 'empty');
    expect(breaker.metrics).toMatchObject({ ignored: 1, bufferedCalls: 3, bufferedFailures: 2 });
  });
});

describe('an open circuit breaker', () => {
  it('refuses calls without making them and says when to come back', async () => {
    const { breaker, clock } = setup();
    await open(breaker);
    await clock.advance(2_500);
    let called = false;
    const error = await breaker
      .run(() => (called = true))
      .catch((caught: unknown) => caught as CircuitOpenError);
    expect(called).toBe(false);
    expect(error).toBeInstanceOf(CircuitOpenError);
    expect(error).toMatchObject({
      code: 'RKY_RES_CIRCUIT_OPEN',
      status: 503,
      breaker: 'inventory',
      retryAfterMs: 7_500,
      details: { retryAfter: 8 },
      headers: { 'retry-after': '8' },
    });
    expect(breaker.metrics.notPermitted).toBe(1);
  });

  it('goes half-open with the first call after the wait', async () => {
    const { breaker, clock } = setup();
    await open(breaker);
    await clock.advance(9_999);
    await expect(succeed(breaker)).rejects.toThrow(CircuitOpenError);
    await clock.advance(1);
    expect(breaker.state).toBe('open');
    await succeed(breaker);
    expect(breaker.state).toBe('half_open');
  });

  it('goes half-open by itself when told to', async () => {
    const { breaker, clock } = setup({ automaticHalfOpen: true });
    await open(breaker);
    await clock.advance(10_000);
    expect(breaker.state).toBe('half_open');
  });

  it('waits longer each time that probing fails, up to a bound', async () => {
    const { breaker, clock } = setup({ openBackoff: 2, maxOpenDuration: '30s' });
    await open(breaker);
    for (const waitMs of [10_000, 20_000, 30_000, 30_000]) {
      await clock.advance(waitMs - 1);
      await expect(succeed(breaker)).rejects.toThrow(CircuitOpenError);
      await clock.advance(1);
      await fail(breaker);
      await fail(breaker);
      expect(breaker.state).toBe('open');
    }
  });

  it('spreads the wait', async () => {
    const { breaker } = setup({ openJitter: 0.5 });
    await open(breaker);
    const waits = new Set<number>();
    for (let i = 0; i < 20; i++) {
      breaker.force('open');
      const wait = breaker.refusal().retryAfterMs;
      expect(wait).toBeGreaterThanOrEqual(5_000);
      expect(wait).toBeLessThanOrEqual(15_000);
      waits.add(wait);
    }
    expect(waits.size).toBeGreaterThan(10);
  });
});

describe('a half-open circuit breaker', () => {
  async function halfOpen(options: CircuitBreakerOptions = {}) {
    const parts = setup(options);
    await open(parts.breaker);
    await parts.clock.advance(10_000);
    return parts;
  }

  it('closes when enough probes succeed', async () => {
    const { breaker } = await halfOpen();
    await succeed(breaker);
    expect(breaker.state).toBe('half_open');
    await succeed(breaker);
    expect(breaker.state).toBe('closed');
    expect(breaker.metrics.bufferedCalls).toBe(0);
  });

  it('opens again when too many probes fail', async () => {
    const { breaker } = await halfOpen();
    await succeed(breaker);
    await fail(breaker);
    expect(breaker.state).toBe('open');
  });

  it('lets no more probes through than permitted', async () => {
    const { breaker } = await halfOpen();
    const first = pending(breaker);
    const second = pending(breaker);
    await expect(succeed(breaker)).rejects.toThrow(CircuitOpenError);
    first.resolve('ok');
    await first.result;
    await expect(succeed(breaker)).rejects.toThrow(CircuitOpenError);
    second.resolve('ok');
    await second.result;
    expect(breaker.state).toBe('closed');
  });

  it('gets the permit of an ignored probe back', async () => {
    const { breaker } = await halfOpen();
    for (let i = 0; i < 10; i++) await fail(breaker, new AbortedError('probe'));
    expect(breaker.state).toBe('half_open');
    await succeed(breaker);
    await succeed(breaker);
    expect(breaker.state).toBe('closed');
  });

  it('decides after the minimum number of calls when that is less', async () => {
    const { breaker } = await halfOpen({ minimumCalls: 1, halfOpenCalls: 5 });
    await succeed(breaker);
    expect(breaker.state).toBe('closed');
  });

  it('does not count results of calls that an earlier state admitted', async () => {
    const { breaker, clock } = setup();
    const old = [pending(breaker), pending(breaker), pending(breaker)];
    await open(breaker);
    await clock.advance(10_000);
    await succeed(breaker);
    for (const call of old) {
      call.reject(new Error('late'));
      await call.result.catch(() => {});
    }
    expect(breaker.state).toBe('half_open');
    await succeed(breaker);
    expect(breaker.state).toBe('closed');
  });

  it('does not take permits back from an earlier half-open state', async () => {
    const { breaker, clock } = await halfOpen();
    const lost = pending(breaker);
    await fail(breaker);
    breaker.force('open');
    await clock.advance(10_000);
    const probes = [pending(breaker), pending(breaker)];
    lost.reject(new AbortedError('lost'));
    await lost.result.catch(() => {});
    await expect(succeed(breaker)).rejects.toThrow(CircuitOpenError);
    for (const probe of probes) probe.resolve('ok');
    await Promise.all(probes.map(({ result }) => result));
    expect(breaker.state).toBe('closed');
  });

  it('opens again when probes never answer, if it may', async () => {
    const { breaker, clock } = await halfOpen({ maxHalfOpenDuration: '5s' });
    pending(breaker);
    await clock.advance(5_000);
    expect(breaker.state).toBe('open');
  });
});

describe('a circuit breaker in the hands of an operator', () => {
  it('refuses everything while forced open', async () => {
    const { breaker, clock } = setup();
    breaker.force('forced_open');
    await clock.advance(3_600_000);
    await expect(succeed(breaker)).rejects.toThrow(CircuitOpenError);
    expect(breaker.refusal().retryAfterMs).toBe(0);
    breaker.reset();
    await expect(succeed(breaker)).resolves.toBe('ok');
  });

  it('counts nothing while disabled', async () => {
    const { breaker } = setup();
    breaker.force('disabled');
    for (let i = 0; i < 20; i++) await fail(breaker);
    expect(breaker.state).toBe('disabled');
    expect(breaker.metrics.failed.calls).toBe(0);
  });

  it('counts without opening in metrics-only', async () => {
    const { breaker } = setup({ initialState: 'metrics_only' });
    for (let i = 0; i < 20; i++) await fail(breaker);
    expect(breaker.state).toBe('metrics_only');
    expect(breaker.metrics).toMatchObject({ failureRate: 100, failed: { calls: 20 } });
  });

  it('takes other options over without losing its state', async () => {
    const { breaker } = setup();
    await fail(breaker);
    breaker.update({ window: { type: 'count', size: 4 }, failureRate: 10 });
    expect(breaker.metrics.bufferedCalls).toBe(1);
    breaker.update({ window: { type: 'count', size: 8 } });
    expect(breaker.metrics.bufferedCalls).toBe(0);
    breaker.update({ enabled: false });
    expect(breaker.state).toBe('disabled');
    breaker.update({ enabled: true });
    expect(breaker.state).toBe('closed');
  });

  it('refuses wrong options by name and keeps the old ones', () => {
    const { breaker } = setup();
    expect(() => breaker.update({ failureRate: 0 })).toThrow(InvalidOptionError);
    expect(() => breaker.update({ failureRat: 10 } as never)).toThrow(
      "circuit breaker 'inventory': failureRat: unknown option",
    );
    expect(breaker.config.failureRate).toBe(50);
  });

  it('leaves no timer behind', async () => {
    const { breaker, clock } = setup({ automaticHalfOpen: true });
    await open(breaker);
    breaker.close();
    await clock.advance(100);
    expect(clock.pending).toBe(0);
  });
});

describe('what a circuit breaker tells', () => {
  it('announces transitions and calls', async () => {
    const { breaker, clock } = setup();
    const seen: string[] = [];
    onTestFinished(
      circuitStateChannel.subscribe(({ name, from, to, failureRate }) =>
        seen.push(`${name} ${from}>${to} ${failureRate}`),
      ),
    );
    onTestFinished(circuitCallChannel.subscribe(({ kind }) => seen.push(kind)));
    await open(breaker);
    await succeed(breaker).catch(() => {});
    await clock.advance(10_000);
    await succeed(breaker);
    await succeed(breaker);
    expect(seen).toEqual([
      'failed',
      'failed',
      'failed',
      'failed',
      'inventory closed>open 100',
      'not_permitted',
      'inventory open>half_open -1',
      'successful',
      'successful',
      'inventory half_open>closed 0',
    ]);
  });
});
