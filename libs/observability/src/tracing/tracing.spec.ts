import { settle } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { zipkinSpans } from '../testing/zipkin-schema.js';
import { currentTraceId, Tracing, type TracingOptions } from './tracing.js';
import type { ZipkinSpan } from './zipkin-span.js';

const tracingOf = (options: Partial<TracingOptions> = {}) =>
  new Tracing({ app: 'Orders', instance: 'orders-1', ringSize: 100, ...options });

/** All spans kept, checked against Zipkin's schema. */
function spansOf(tracing: Tracing): ZipkinSpan[] {
  const spans = tracing.ring!.traces(1_000).flat();
  expect(zipkinSpans.safeParse(spans).error).toBeUndefined();
  return spans;
}

describe('run', () => {
  it('ends the span with a plain result', () => {
    const tracing = tracingOf();
    expect(tracing.run('Sync Work', { attributes: { sku: 'cup', n: 3 } }, () => 7)).toBe(7);
    expect(spansOf(tracing)).toMatchObject([
      {
        name: 'sync work',
        localEndpoint: { serviceName: 'orders' },
        tags: { sku: 'cup', n: '3', 'service.instance.id': 'orders-1' },
      },
    ]);
  });

  it('ends the span when a promise settles', async () => {
    const tracing = tracingOf();
    const done = tracing.run('work', {}, async () => {
      await settle();
      return 7;
    });
    expect(spansOf(tracing)).toHaveLength(0);
    expect(await done).toBe(7);
    expect(spansOf(tracing)).toHaveLength(1);
  });

  it.each([
    [
      'throws',
      () => {
        throw new RangeError('too much');
      },
    ],
    ['rejects', () => Promise.reject(new RangeError('too much'))],
  ])('records and passes on what fn %s', async (_how, fn) => {
    const tracing = tracingOf();
    await expect((async () => tracing.run('work', {}, fn))()).rejects.toThrow('too much');
    expect(spansOf(tracing)[0]!.tags).toMatchObject({
      error: 'too much',
      'error.type': 'RangeError',
      'otel.status_code': 'ERROR',
    });
  });

  it('makes children of the running span, through asynchronous calls', async () => {
    const tracing = tracingOf();
    await tracing.run('parent', { kind: 'server' }, async () => {
      await settle();
      await Promise.all([1, 2, 3].map((n) => tracing.run(`child ${n}`, {}, () => settle())));
    });
    const spans = spansOf(tracing);
    const parent = spans.find(({ name }) => name === 'parent')!;
    expect(parent).toMatchObject({ kind: 'SERVER' });
    expect(parent).not.toHaveProperty('parentId');
    const children = spans.filter(({ name }) => name.startsWith('child'));
    expect(children).toHaveLength(3);
    for (const child of children) {
      expect(child).toMatchObject({ parentId: parent.id, traceId: parent.traceId });
    }
  });

  it('keeps traces that run at once apart', async () => {
    const tracing = tracingOf();
    const ids = await Promise.all(
      Array.from({ length: 20 }, (_, turns) =>
        tracing.run('work', {}, async (span) => {
          const before = currentTraceId();
          for (let turn = 0; turn < turns; turn++) await settle();
          expect(currentTraceId()).toBe(before);
          expect(span.spanContext().traceId).toBe(before);
          return before;
        }),
      ),
    );
    expect(new Set(ids).size).toBe(20);
    expect(currentTraceId()).toBeUndefined();
  });
});

describe('carriers', () => {
  it('continue a trace elsewhere', () => {
    const [here, there] = [tracingOf(), tracingOf({ app: 'payments' })];
    const headers: Record<string, string> = {};
    here.run('send', { kind: 'producer' }, () => here.inject(headers));
    there.run('receive', { kind: 'consumer', parent: there.extract(headers) }, () => {});
    const [sent] = spansOf(here);
    const [received] = spansOf(there);
    expect(received).toMatchObject({ traceId: sent!.traceId, parentId: sent!.id });
    expect([sent!.kind, received!.kind]).toEqual(['PRODUCER', 'CONSUMER']);
  });

  it('begin a new trace where the caller gave none, even within another', () => {
    const tracing = tracingOf();
    tracing.run('outer', {}, () =>
      tracing.run('inner', { parent: tracing.extract({}) }, (span) =>
        expect(span.spanContext().traceId).not.toBe(
          tracing.ring!.traces(9)[0]?.[0]?.traceId ?? 'none',
        ),
      ),
    );
    const [first, second] = spansOf(tracing);
    expect(first!.traceId).not.toBe(second!.traceId);
  });

  it('link traces', () => {
    const tracing = tracingOf();
    const links = tracing.run('one', {}, () => [tracing.capture()]);
    tracing.run('two', { links }, () => {});
    const [one, two] = spansOf(tracing).sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(two!.tags['links']).toBe(`${one!.traceId}-${one!.id}`);
  });
});

describe('sampling', () => {
  it('records nothing at 0, and still passes ids on', () => {
    const tracing = tracingOf({ sampling: 0 });
    const headers: Record<string, string> = {};
    tracing.run('work', {}, () => {
      tracing.inject(headers);
      expect(currentTraceId()).toMatch(/^[0-9a-f]{32}$/);
    });
    expect(headers['traceparent']).toMatch(/-00$/);
    expect(headers['b3']).toMatch(/-0$/);
    expect(spansOf(tracing)).toHaveLength(0);
  });
});

describe('what is kept of a span', () => {
  it('holds no secrets and is bounded', () => {
    const tracing = tracingOf();
    const canary = 'c4n4ry-hunter2';
    tracing.run(
      'work',
      {
        attributes: {
          'db.password': canary,
          url: `postgres://orders:${canary}@db/orders`,
          long: 'x'.repeat(50_000),
        },
      },
      (span) => {
        span.addEvent(`tried Bearer ${canary}`);
        for (let i = 0; i < 500; i++) span.setAttribute(`a${i}`, i);
      },
    );
    const json = JSON.stringify(spansOf(tracing));
    expect(json).not.toContain(canary);
    expect(json.length).toBeLessThan(6_000);
  });

  it('names the other side of a call', () => {
    const tracing = tracingOf();
    tracing.run(
      'call',
      { kind: 'client', attributes: { 'peer.service': 'Inventory', 'server.port': 3002 } },
      () => {},
    );
    expect(spansOf(tracing)[0]).toMatchObject({
      kind: 'CLIENT',
      remoteEndpoint: { serviceName: 'inventory', port: 3002 },
    });
  });
});

describe('the ring', () => {
  it('keeps the newest spans and forgets the oldest', () => {
    const tracing = tracingOf({ ringSize: 3 });
    for (let i = 1; i <= 5; i++) tracing.run(`span ${i}`, {}, () => {});
    expect(tracing.ring!.traces(10).flatMap((spans) => spans.map(({ name }) => name))).toEqual([
      'span 5',
      'span 4',
      'span 3',
    ]);
    expect(tracing.ring!.traces(2)).toHaveLength(2);
  });

  it('finds a trace by its id, as 32 digits or 16', () => {
    const tracing = tracingOf();
    const parent = tracing.extract({ b3: '64fe8b2a57d3eff7-e457b5a2e4d86bd1-1' });
    tracing.run('first', { parent }, () => tracing.run('second', {}, () => {}));
    const names = (id: string) => tracing.ring!.trace(id).map(({ name }) => name);
    expect(names('000000000000000064fe8b2a57d3eff7')).toEqual(['first', 'second']);
    expect(names('64FE8B2A57D3EFF7')).toEqual(['first', 'second']);
    expect(names('ffffffffffffffff')).toEqual([]);
  });
});
