import { VirtualClock } from '@rookery/core/testing';
import { systemClock } from '@rookery/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ZipkinSink } from '../testing/zipkin-sink.js';
import { Tracing } from './tracing.js';
import { ZipkinReporter, type ZipkinReporterOptions } from './zipkin-reporter.js';
import type { ZipkinSpan } from './zipkin-span.js';

const span = (n: number, tags: Record<string, string> = {}): ZipkinSpan => ({
  traceId: '80f198ee56343ba864fe8b2a57d3eff7',
  id: (n + 1).toString(16).padStart(16, '0'),
  name: `span ${n}`,
  timestamp: 1_767_225_600_000_000 + n,
  duration: 1,
  localEndpoint: { serviceName: 'orders' },
  tags,
});

let sink: ZipkinSink;
const reporters: ZipkinReporter[] = [];

beforeEach(async () => {
  sink = await ZipkinSink.start();
});

afterEach(async () => {
  await sink.stop();
  for (const reporter of reporters.splice(0)) await reporter.close(AbortSignal.abort());
});

function reporterWith(options: Partial<ZipkinReporterOptions> = {}) {
  const clock = new VirtualClock();
  const reporter = new ZipkinReporter({
    endpoint: sink.endpoint,
    timeoutMs: 10_000,
    intervalMs: 1_000,
    maxQueued: 2_000,
    clock,
    ...options,
  });
  reporters.push(reporter);
  return { clock, reporter };
}

describe('sending', () => {
  it('waits for company, then posts what Zipkin accepts', async () => {
    const { clock, reporter } = reporterWith();
    reporter.accept(span(1));
    await clock.advance(999);
    reporter.accept(span(2));
    expect(sink.posts).toBe(0);
    await clock.advance(1);
    await sink.until(({ spans }) => spans.length === 2);
    expect(sink.violations).toEqual([]);
    expect(sink.spans).toEqual([span(1), span(2)]);
    expect(sink.posts).toBe(1);
  });

  it('does not wait once a batch is full', async () => {
    const { reporter } = reporterWith();
    for (let i = 0; i < 512; i++) reporter.accept(span(i));
    await sink.until(({ spans }) => spans.length === 512);
    expect(sink.posts).toBe(1);
  });

  it('keeps each post below Zipkin’s size of a message', async () => {
    const { reporter } = reporterWith();
    const tags = { long: 'x'.repeat(10_000) };
    for (let i = 0; i < 120; i++) reporter.accept(span(i, tags));
    await reporter.close();
    expect(sink.spans).toHaveLength(120);
    expect(sink.posts).toBe(3);
  });

  it('carries what Tracing records, in a shape that Zipkin accepts', async () => {
    const tracing = new Tracing({
      app: 'Orders',
      instance: 'orders-1',
      zipkin: { endpoint: sink.endpoint },
    });
    const parent = tracing.extract({ b3: '64fe8b2a57d3eff7-e457b5a2e4d86bd1-1' });
    tracing.run('POST /orders', { kind: 'server', parent }, (server) => {
      server.addEvent('checked', { by: 'us' });
      tracing.run(
        'GET /stock/:sku',
        { kind: 'client', attributes: { 'peer.service': 'Inventory', 'server.port': 3002 } },
        () => {},
      );
      tracing.run('orders.events send', { kind: 'producer' }, () => {});
      expect(() =>
        tracing.run('broken', {}, () => {
          throw new Error('no');
        }),
      ).toThrow('no');
    });
    await tracing.close();
    expect(sink.violations).toEqual([]);
    expect(sink.spans.map(({ name }) => name).sort()).toEqual([
      'broken',
      'get /stock/:sku',
      'orders.events send',
      'post /orders',
    ]);
  });
});

describe('a sink that fails', () => {
  it('costs its spans, is told once, is tried less and less often, and is welcomed back', async () => {
    const changes: (string | undefined)[] = [];
    const { clock, reporter } = reporterWith({
      onStateChange: (error) => changes.push(error?.message),
    });
    sink.mode = 'refuse';
    const attempt = async (posts: number, afterMs: number) => {
      reporter.accept(span(posts));
      await clock.advance(afterMs - 1);
      expect(sink.posts).toBe(posts - 1);
      await clock.advance(1);
      await sink.until((s) => s.posts === posts);
      await expect.poll(() => reporter.totals.failures).toBe(posts);
    };
    await attempt(1, 1_000);
    await attempt(2, 1_000);
    await attempt(3, 2_000);
    await attempt(4, 4_000);
    expect(changes).toEqual(['the sink answered 503']);
    sink.mode = 'accept';
    reporter.accept(span(5));
    await clock.advance(8_000);
    await sink.until(({ spans }) => spans.length === 1);
    await expect.poll(() => changes).toEqual(['the sink answered 503', undefined]);
    expect(reporter.totals).toEqual({ sent: 1, dropped: 4, failures: 4 });
  });

  it('never makes anyone wait, and never holds more than it may', async () => {
    const { clock, reporter } = reporterWith({ maxQueued: 100 });
    sink.mode = 'hang';
    reporter.accept(span(0));
    await clock.advance(1_000);
    await sink.until(({ posts }) => posts === 1);
    for (let i = 0; i < 10_000; i++) reporter.accept(span(i));
    expect(reporter.queued).toBe(100);
    expect(reporter.totals.dropped).toBe(9_900);
  });

  it('is given up when it does not answer in time', async () => {
    const errors: (Error | undefined)[] = [];
    const { clock, reporter } = reporterWith({ onStateChange: (error) => errors.push(error) });
    sink.mode = 'hang';
    reporter.accept(span(1));
    await clock.advance(1_000);
    await sink.until(({ posts }) => posts === 1);
    await clock.advance(10_000);
    await expect.poll(() => errors).toHaveLength(1);
    expect(errors[0]?.message).toContain('10000 ms');
    expect(clock.pending).toBe(0);
  });

  it('that is not there at all is a failure like any other', async () => {
    const { endpoint } = sink;
    await sink.stop();
    sink = await ZipkinSink.start();
    const { clock, reporter } = reporterWith({ endpoint });
    reporter.accept(span(1));
    await clock.advance(1_000);
    await expect.poll(() => reporter.totals).toEqual({ sent: 0, dropped: 1, failures: 1 });
  });
});

describe('closing', () => {
  it('sends what waits and leaves no timer', async () => {
    const { clock, reporter } = reporterWith();
    for (let i = 0; i < 700; i++) reporter.accept(span(i));
    await reporter.close();
    expect(sink.spans).toHaveLength(700);
    reporter.accept(span(1));
    expect(reporter.totals).toEqual({ sent: 700, dropped: 1, failures: 0 });
    expect(clock.pending).toBe(0);
  });

  it('does not wait for a sink that hangs once told to hurry', async () => {
    const { reporter } = reporterWith({ clock: systemClock });
    sink.mode = 'hang';
    reporter.accept(span(1));
    const hurry = new AbortController();
    const closed = reporter.close(hurry.signal);
    await sink.until(({ posts }) => posts === 1);
    hurry.abort();
    await closed;
    expect(reporter.totals.dropped).toBe(1);
  });

  it('tries a sink that is down only once', async () => {
    const { reporter } = reporterWith({ maxQueued: 2_000 });
    sink.mode = 'refuse';
    for (let i = 0; i < 1_500; i++) reporter.accept(span(i));
    await reporter.close();
    expect(sink.posts).toBeLessThanOrEqual(2);
    expect(reporter.totals).toMatchObject({ sent: 0, dropped: 1_500 });
  });
});
