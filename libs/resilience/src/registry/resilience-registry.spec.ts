import { InvalidOptionError } from '@rookery/core';
import { VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { TooManyPoliciesError, UnknownPolicyError } from '../resilience.errors.js';
import { resilienceSchema } from '../resilience.options.js';
import { ResilienceRegistry } from './resilience-registry.js';

const settings = (value: object) => resilienceSchema.parse(value);
const clock = new VirtualClock();

describe('resilience registry', () => {
  it('makes each policy once', () => {
    const registry = new ResilienceRegistry({ clock });
    expect(registry.retry('r', { attempts: 5 })).toBe(registry.retry('r'));
    expect(registry.retry('r', { attempts: 5 }).config.attempts).toBe(5);
    expect(() => registry.retry('r', { attempts: 6 })).toThrow(InvalidOptionError);
  });

  it('lays configuration over code: defaults, code, base, instance', () => {
    const registry = new ResilienceRegistry({
      clock,
      settings: settings({
        retry: {
          configs: {
            default: { attempts: 2, backoff: { initial: '1s', max: '9s' } },
            patient: { attempts: 8 },
          },
          instances: {
            a: { baseConfig: 'patient', backoff: { initial: '3s' } },
            b: {},
          },
        },
      }),
    });
    const code = { attempts: 4, backoff: { multiplier: 3 } };
    expect(registry.retry('a', code).config).toMatchObject({
      attempts: 8,
      backoff: { initial: 3_000, max: 9_000, multiplier: 3, jitter: 0.5 },
    });
    expect(registry.retry('b', code).config).toMatchObject({
      attempts: 4,
      backoff: { initial: 1_000 },
    });
    expect(registry.retry('c').config.attempts).toBe(2);
  });

  it('takes other settings over live, for all or for none', () => {
    const registry = new ResilienceRegistry({ clock });
    const timeout = registry.timeout('t', { duration: '5s' });
    const breaker = registry.circuitBreaker('b');
    registry.configure(
      settings({
        timeout: { instances: { t: { duration: '2s' } } },
        circuitbreaker: { instances: { b: { failureRate: 20 } } },
      }),
    );
    expect(timeout.config.duration).toBe(2_000);
    expect(breaker.config.failureRate).toBe(20);
    registry.configure(settings({}));
    expect(timeout.config.duration).toBe(5_000);
    expect(breaker.config.failureRate).toBe(50);
  });

  it.each([
    [{ retry: { instances: { a: { attempt: 3 } } } }],
    [{ retry: { instances: { a: { attempts: 0 } } } }],
    [{ retry: { instances: { a: { baseConfig: 'nowhere' } } } }],
    [{ circuitbreaker: { configs: { default: { failureRate: 'half' } } } }],
    [{ circuitBreakers: {} }],
  ])('refuses %j', (value) => {
    expect(resilienceSchema.safeParse(value).success).toBe(false);
  });

  it('lists, forces and resets', () => {
    const registry = new ResilienceRegistry({ app: 'orders', clock });
    registry.circuitBreaker('b');
    registry.bulkhead('h');
    registry.force('b', 'forced_open');
    expect(registry.list()).toMatchObject([
      { kind: 'circuit-breaker', name: 'b', state: 'forced_open', metrics: { notPermitted: 0 } },
      { kind: 'bulkhead', name: 'h', config: { maxConcurrent: 25 }, metrics: { running: 0 } },
    ]);
    registry.reset('b');
    expect(registry.circuitBreaker('b').state).toBe('closed');
    expect(() => registry.force('nobody', 'open')).toThrow(UnknownPolicyError);
  });

  it('does not grow without end', () => {
    const registry = new ResilienceRegistry({ clock });
    for (let i = 0; i < 1_000; i++) registry.retry(`r${i}`);
    expect(() => registry.retry('one more')).toThrow(TooManyPoliciesError);
  });
});
