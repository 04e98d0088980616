import { Inject, Injectable } from '@nestjs/common';
import { InvalidOptionError, TimeoutError, wrapMethod } from '@rookery/core';
import { VirtualClock } from '@rookery/core/testing';
import { lastValueFrom, of, throwError, toArray, type Observable as Stream } from 'rxjs';
import { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Bulkhead } from '../bulkhead/bulkhead.decorator.js';
import { BulkheadFullError } from '../bulkhead/bulkhead-full.error.js';
import { CircuitBreaker } from '../circuit-breaker/circuit-breaker.decorator.js';
import { CircuitOpenError } from '../circuit-breaker/circuit-open.error.js';
import { Fallback } from '../fallback/fallback.decorator.js';
import { ResilienceRegistry } from '../registry/resilience-registry.js';
import { Retry } from '../retry/retry.decorator.js';
import { Timeout } from '../timeout/timeout.decorator.js';
import { REGISTRY, resilientMethodOf } from './resilient-method.js';

/** As Nest does it: constructs, then injects properties. */
function inject<T extends object>(instance: T, registry: ResilienceRegistry): T {
  return Object.assign(instance, { [REGISTRY]: registry });
}

const quick = { backoff: { initial: 0, jitter: 0 } };
const never = (): Promise<never> => new Promise(() => {});

describe('decorated methods', () => {
  it('have one effective order, whatever order the decorators are written in', async () => {
    class Downwards {
      calls = 0;
      @Fallback('cached')
      @Retry({ attempts: 3, ...quick })
      @CircuitBreaker('b')
      async get(): Promise<string> {
        this.calls++;
        throw new Error('down');
      }
      cached(): string {
        return 'cached';
      }
    }
    class Upwards {
      calls = 0;
      @CircuitBreaker('b')
      @Retry({ attempts: 3, ...quick })
      @Fallback('cached')
      async get(): Promise<string> {
        this.calls++;
        throw new Error('down');
      }
      cached(): string {
        return 'cached';
      }
    }
    for (const Type of [Downwards, Upwards]) {
      const clock = new VirtualClock();
      const registry = new ResilienceRegistry({ clock });
      const instance = inject(new Type(), registry);
      const result = instance.get();
      await clock.advance(10);
      expect(await result).toBe('cached');
      expect(instance.calls).toBe(3);
      expect(registry.circuitBreaker('b').metrics.failed.calls).toBe(3);
    }
  });

  it('act as one also around decorators of others', async () => {
    const log: string[] = [];
    const Logged: MethodDecorator = (_target, _key, descriptor) =>
      void wrapMethod(
        descriptor,
        (original) =>
          function (this: unknown, ...args: unknown[]) {
            log.push('logged');
            return Reflect.apply(original, this, args);
          },
      );
    class Service {
      @CircuitBreaker('b')
      @Logged
      @Retry({ attempts: 2, ...quick })
      async get(): Promise<string> {
        if (log.push('call') < 4) throw new Error('down');
        return 'ok';
      }
    }
    const clock = new VirtualClock();
    const registry = new ResilienceRegistry({ clock });
    const result = inject(new Service(), registry).get();
    await clock.advance(10);
    expect(await result).toBe('ok');
    expect(log).toEqual(['logged', 'call', 'logged', 'call']);
    expect(registry.circuitBreaker('b').metrics).toMatchObject({
      failed: { calls: 1 },
      successful: { calls: 1 },
    });
  });

  it('keep this, arguments, name, arity and metadata', async () => {
    class Service {
      readonly factor = 2;
      @Reflect.metadata('kept', 'yes')
      @Retry()
      async times(a: number, b: number): Promise<number> {
        return a * b * this.factor;
      }
    }
    expect(await new Service().times(3, 4)).toBe(24);
    const method = Object.getOwnPropertyDescriptor(Service.prototype, 'times')!.value as Function;
    expect(method.name).toBe('times');
    expect(method.length).toBe(2);
    expect(Reflect.getMetadata('kept', Service.prototype, 'times')).toBe('yes');
  });

  it('work on synchronous methods', () => {
    class Service {
      calls = 0;
      @Retry({ attempts: 3 })
      @CircuitBreaker('b')
      parse(text: string): number {
        this.calls++;
        if (this.calls < 3) throw new Error('flaky');
        return text.length;
      }
      @Fallback(() => -1)
      broken(): number {
        throw new Error('down');
      }
    }
    const registry = new ResilienceRegistry({ clock: new VirtualClock() });
    const service = inject(new Service(), registry);
    expect(service.parse('abc')).toBe(3);
    expect(service.parse('abcd')).toBe(4);
    expect(service.broken()).toBe(-1);
    registry.force('b', 'open');
    expect(() => service.parse('x')).toThrow(CircuitOpenError);
  });

  it('work on methods that return observables', async () => {
    class Service {
      subscriptions = 0;
      @Retry({ attempts: 2, ...quick })
      @CircuitBreaker('declared')
      declared(n: number): Observable<number> {
        return ++this.subscriptions === 1 ? throwError(() => new Error('down')) : of(n, n + 1);
      }
      @CircuitBreaker('undeclared')
      undeclared(): Stream<number> | undefined {
        return of(1, 2);
      }
    }
    const clock = new VirtualClock();
    const registry = new ResilienceRegistry({ clock });
    const service = inject(new Service(), registry);
    const stream = service.declared(5);
    expect(stream).toBeInstanceOf(Observable);
    const result = lastValueFrom(stream.pipe(toArray()));
    await clock.advance(10);
    expect(await result).toEqual([5, 6]);
    for (let i = 1; i <= 2; i++) {
      const undeclared = service.undeclared()!;
      expect(await lastValueFrom(undeclared.pipe(toArray()))).toEqual([1, 2]);
      expect(registry.circuitBreaker('undeclared').metrics.successful.calls).toBe(i);
    }
  });

  it('work on async generators and other async iterables', async () => {
    class Service {
      opened = 0;
      @CircuitBreaker('b')
      async *numbers(count: number): AsyncGenerator<number> {
        this.opened++;
        for (let i = 0; i < count; i++) yield i;
      }
      @CircuitBreaker('b')
      iterable(): AsyncIterable<number> {
        return this.numbers(2);
      }
    }
    const registry = new ResilienceRegistry({ clock: new VirtualClock() });
    const service = inject(new Service(), registry);
    const items: number[] = [];
    for await (const item of service.numbers(3)) items.push(item);
    expect(items).toEqual([0, 1, 2]);
    for await (const item of service.iterable()) items.push(item);
    expect(items).toEqual([0, 1, 2, 0, 1]);
    expect(service.opened).toBe(2);
    expect(registry.circuitBreaker('b').metrics.successful.calls).toBe(3);
  });

  it('work on functions that return a promise without being async', async () => {
    class Service {
      calls = 0;
      @Timeout('50ms')
      @Retry({ attempts: 2, backoff: { initial: 100, jitter: 0 } })
      plain(): Promise<string> | string {
        return ++this.calls === 1 ? never() : Promise.resolve('ok');
      }
    }
    const clock = new VirtualClock();
    const service = inject(new Service(), new ResilienceRegistry({ clock }));
    const result = service.plain();
    await clock.advance(200);
    expect(await result).toBe('ok');
  });

  it('share a named policy, and keep the unnamed ones of each method apart', async () => {
    class A {
      @CircuitBreaker('shared')
      @Timeout('1s')
      async one(): Promise<void> {}
      @CircuitBreaker('shared')
      @Timeout('2s')
      async two(): Promise<void> {}
    }
    const registry = new ResilienceRegistry({ clock: new VirtualClock() });
    const instances = [inject(new A(), registry), inject(new A(), registry)];
    for (const instance of instances) {
      await instance.one();
      await instance.two();
    }
    expect(registry.circuitBreaker('shared').metrics.successful.calls).toBe(4);
    expect(registry.list().map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'timeout A#one',
      'circuit-breaker shared',
      'timeout A#two',
    ]);
  });

  it('find their registry once per instance', async () => {
    class Service {
      @CircuitBreaker('b')
      async get(): Promise<void> {}
    }
    const registry = new ResilienceRegistry({ clock: new VirtualClock() });
    const service = inject(new Service(), registry);
    await service.get();
    Object.assign(service, { [REGISTRY]: undefined });
    await service.get();
    expect(registry.circuitBreaker('b').metrics.successful.calls).toBe(2);
    expect(Object.keys(service)).toEqual([]);
  });

  it('choose the fallback for the nearest class and give it arguments and error', async () => {
    class Service {
      @Fallback('slow', { on: [TimeoutError] })
      @Fallback('other', { on: [Error] })
      async get(sku: string, _options?: object): Promise<unknown> {
        throw sku === 'slow' ? new TimeoutError('get', 1) : new RangeError(sku);
      }
      protected slow(...args: unknown[]): unknown {
        return ['slow', this instanceof Service, ...args];
      }
      protected other(sku: string, options: object | undefined, error: Error): unknown {
        return [sku, options, error.message];
      }
    }
    const service = new Service();
    expect(await service.get('slow')).toEqual([
      'slow',
      true,
      'slow',
      undefined,
      expect.any(TimeoutError),
    ]);
    expect(await service.get('x', {})).toEqual(['x', {}, 'x']);
  });

  it('refuse a fallback that does not exist, when bound', () => {
    class Service {
      @Fallback('missing')
      async get(): Promise<void> {}
    }
    const method = resilientMethodOf(Service.prototype.get)!;
    expect(() => method.bind(new Service())).toThrow(
      '@Fallback on Service#get: missing: is no method of Service',
    );
  });

  it('refuse two policies of one kind and durations that are none', () => {
    expect(() => {
      class Service {
        @Timeout('1s')
        @Timeout('2s')
        async get(): Promise<void> {}
      }
      return Service;
    }).toThrow(InvalidOptionError);
    expect(() => Timeout('10 s')).toThrow("'10 s' is not a duration");
    class Wrong {
      @CircuitBreaker({ failureRate: 200 })
      async get(): Promise<void> {}
    }
    expect(() => resilientMethodOf(Wrong.prototype.get)!.bind(new Wrong())).toThrow(
      "circuit breaker 'Wrong#get': failureRate: 200 is not allowed",
    );
  });

  it('are inherited, and may be replaced', async () => {
    class Base {
      @Fallback(() => 'fallback')
      async get(): Promise<string> {
        throw new Error('down');
      }
    }
    class Same extends Base {}
    class Other extends Base {
      override async get(): Promise<string> {
        return `over ${await super.get()}`;
      }
    }
    expect(await new Same().get()).toBe('fallback');
    expect(await new Other().get()).toBe('over fallback');
  });
});

describe('decorated classes', () => {
  @Bulkhead({ maxConcurrent: 1 })
  @Fallback('none', { on: [RangeError] })
  @Injectable()
  class Service {
    constructor(@Inject('unused') readonly dependency?: string) {}
    async one(): Promise<string> {
      return never();
    }
    async two(): Promise<string> {
      throw new RangeError('two');
    }
    @Bulkhead('own')
    async three(): Promise<string> {
      return 'three';
    }
    onModuleInit(): string {
      return 'hook';
    }
    get value(): number {
      return 1;
    }
    none(): string {
      return 'none';
    }
  }

  it('guard all their methods, but hooks, accessors and fallbacks', async () => {
    const registry = new ResilienceRegistry({ clock: new VirtualClock() });
    const service = inject(new Service(), registry);
    expect(await service.two()).toBe('none');
    void service.one();
    await expect(service.two()).rejects.toThrow(BulkheadFullError);
    expect(await service.three()).toBe('three');
    expect(service.onModuleInit()).toBe('hook');
    expect(service.none()).toBe('none');
    expect(service.value).toBe(1);
    expect(registry.bulkhead('Service').metrics.running).toBe(1);
    expect(registry.all('bulkhead').map(({ name }) => name)).toEqual(['Service', 'own']);
  });
});
