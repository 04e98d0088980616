import { AbortedError } from '@rookery/core';
import { settle, VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigRejectedError } from '../config.errors.js';
import { flatten, type PropertySource } from '../property-source/property-source.js';
import { ConfigStore, type SourceLoader } from './config-store.js';

const limits = z.strictObject({ low: z.number(), high: z.number() });
const source = (values: unknown): PropertySource[] => [
  { name: 'test.yml', properties: flatten(values, 'test.yml') },
];

function storeOf(values: unknown, environment: Record<string, string> = {}) {
  const clock = new VirtualClock();
  const lines: string[] = [];
  let next: SourceLoader = async () => undefined;
  const store = new ConfigStore({
    app: 'orders',
    profiles: ['development'],
    environment,
    sources: source(values),
    reload: (signal) => next(signal),
    clock,
    random: () => 0.5,
    log: (level, message) => lines.push(`${level} ${message}`),
  });
  return {
    store,
    clock,
    lines,
    offer: (nextValues: unknown) => (next = async () => source(nextValues)),
    load: (loader: SourceLoader) => (next = loader),
  };
}

describe('a refresh', () => {
  it('puts new values in force, tells what changed and who listens', async () => {
    const { store, offer } = storeOf({ n: { low: 1, high: 2 }, other: { x: 1 } });
    const ref = store.ref('n', limits);
    const other = store.ref('other', z.object({ x: z.number() }));
    const seen: unknown[] = [];
    ref.onChange((value, previous) => seen.push([value, previous]));
    other.onChange(() => seen.push('other'));
    store.onChange(({ keys }) => seen.push(keys));
    const before = store.snapshot.revision;
    offer({ n: { low: 1, high: 5 }, other: { x: 1 } });
    await expect(store.refresh()).resolves.toEqual(['n.high']);
    expect(ref.value).toEqual({ low: 1, high: 5 });
    expect(store.snapshot.revision).not.toBe(before);
    expect(seen).toEqual([
      [
        { low: 1, high: 5 },
        { low: 1, high: 2 },
      ],
      ['n.high'],
    ]);
  });

  it('changes nothing at all when one namespace refuses it, and says why', async () => {
    const { store, offer, lines } = storeOf({ a: { low: 1, high: 2 }, b: { low: 1, high: 2 } });
    const [a, b] = [store.ref('a', limits), store.ref('b', limits)];
    const { revision } = store.snapshot;
    const values = [a.value, b.value];
    offer({ a: { low: 8, high: 9 }, b: { low: 'many', high: 2 } });
    const failure = store.refresh();
    await expect(failure).rejects.toThrow(ConfigRejectedError);
    await expect(failure).rejects.toThrow(/b\.low: "many" is not allowed.*set by test\.yml/);
    expect([a.value, b.value]).toEqual(values);
    expect(a.value).toBe(values[0]);
    expect(store.snapshot.revision).toBe(revision);
    expect(store.failure).toBeInstanceOf(ConfigRejectedError);
    await store.refresh().catch(() => {});
    expect(lines.filter((line) => line.includes('b.low'))).toHaveLength(1);

    offer({ a: { low: 8, high: 9 }, b: { low: 3, high: 4 } });
    await store.refresh();
    expect(store.failure).toBeUndefined();
    expect(lines.at(-1)).toBe('info configuration is current again');
  });

  it('never shows two coupled values of different revisions', async () => {
    const { store, load } = storeOf({ n: { low: 0, high: 0 } });
    const ref = store.ref('n', limits);
    let round = 0;
    load(async () => source({ n: { low: ++round, high: round } }));
    let reads = 0;
    const reader = (async () => {
      while (round < 200) {
        for (let i = 0; i < 500; i++, reads++) {
          const { low, high } = ref.value;
          if (low !== high) throw new Error(`mixed read ${low}/${high}`);
        }
        await settle();
      }
    })();
    while (round < 200) {
      await store.refresh();
      await settle();
    }
    await reader;
    expect(reads).toBeGreaterThan(10_000);
  });

  it('keeps the identity of values that did not change', async () => {
    const { store, offer } = storeOf({ n: { low: 1, high: 2 }, x: 1 });
    const value = store.namespace('n', limits);
    offer({ n: { low: 1, high: 2 }, x: 2 });
    await store.refresh();
    expect(store.namespace('n', limits)).toBe(value);
  });

  it('does not let a failing listener hide the change from others', async () => {
    const { store, offer, lines } = storeOf({ n: { low: 1, high: 2 } });
    const ref = store.ref('n', limits);
    const seen: number[] = [];
    ref.onChange(() => {
      throw new Error('broken');
    });
    ref.onChange(() => Promise.reject(new Error('broken later')) as never);
    ref.onChange(({ low }) => seen.push(low));
    offer({ n: { low: 7, high: 8 } });
    await store.refresh();
    await settle();
    expect(seen).toEqual([7]);
    expect(lines.filter((line) => line.startsWith('error'))).toHaveLength(2);
  });

  it('keeps environment variables above whatever the sources say', async () => {
    const { store, offer } = storeOf({ n: { low: 1, high: 2 } }, { N_HIGH: '100' });
    const ref = store.ref('n', limits);
    offer({ n: { low: 3, high: 4 } });
    await store.refresh();
    expect(ref.value).toEqual({ low: 3, high: 100 });
    expect(store.provenance('n.high')).toBe('environment N_HIGH');
    expect(store.provenance('n.low')).toBe('test.yml');
  });

  it('runs once for concurrent callers', async () => {
    const { store, load } = storeOf({});
    let runs = 0;
    load(async () => {
      runs++;
      await settle();
      return undefined;
    });
    await Promise.all([store.refresh(), store.refresh(), store.refresh()]);
    expect(runs).toBe(1);
  });

  it('comes by itself, every refresh interval, until the store is closed', async () => {
    const { store, clock, load } = storeOf({ config: { refreshInterval: '2s' } });
    let runs = 0;
    load(async () => {
      runs++;
      if (runs === 2) throw new Error('server gone');
      return undefined;
    });
    store.watch();
    await clock.advance(7_000);
    expect(runs).toBe(3);
    store.close();
    expect(clock.pending).toBe(0);
    await clock.advance(60_000);
    expect(runs).toBe(3);
  });

  it('that runs while the store closes is given up, quietly', async () => {
    const { store, load, lines } = storeOf({});
    load(
      (signal) =>
        new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        ),
    );
    const running = store.refresh();
    store.close();
    await expect(running).rejects.toThrow(/abort/i);
    await expect(store.refresh()).rejects.toThrow(AbortedError);
    expect(lines).toEqual([]);
  });
});

describe('a store', () => {
  it('is deep-frozen', () => {
    const { store } = storeOf({ n: { list: [{ a: 1 }] } });
    const { list } = store.snapshot.values.n as { list: { a: number }[] };
    expect(() => (list[0]!.a = 2)).toThrow(TypeError);
  });

  it('refuses schemas that are made anew on each call before they pile up', () => {
    const { store } = storeOf({});
    expect(() => {
      for (let i = 0; i < 1_000; i++) store.namespace('n', z.object({}));
    }).toThrow(/declare each schema once/);
  });

  it('has equal revisions for equal values, whatever their order', () => {
    const revision = (values: Record<string, unknown>): string =>
      ConfigStore.of('a', values).snapshot.revision;
    expect(revision({ a: 1, b: { c: 2, d: 3 } })).toBe(revision({ b: { d: 3, c: 2 }, a: 1 }));
    expect(revision({ a: 1 })).not.toBe(revision({ a: '1' }));
  });

  it('resolves placeholders from the environment first', () => {
    const store = ConfigStore.of(
      'a',
      { url: 'http://${HOST_NAME}:${server.port}/${path:x}', server: { port: 1 } },
      { HOST_NAME: 'h', SERVER_PORT: '9' },
    );
    expect(store.snapshot.values.url).toBe('http://h:9/x');
  });
});
