import { seededRandom, VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { NoInstanceError } from '../discovery.errors.js';
import { RegistryView } from '../registry/registry-view.js';
import type { InstanceStatus, ServiceInstance } from '../registry/service-instance.js';
import { ServiceRegistry } from '../registry/service-registry.js';
import { LoadBalancer, type Lease, type LeaseOutcome } from './load-balancer.js';
import type { StrategyName } from './strategy.js';

class GivenRegistry extends ServiceRegistry {
  readonly view = new RegistryView();
  readonly freshness = { state: 'fresh', confirmedAt: 0 } as const;
  instances = (id: string): readonly ServiceInstance[] => this.view.instances(id);
  services = (): readonly string[] => this.view.services();
  refresh = async (): Promise<void> => {};
  onChange = this.view.onChange.bind(this.view);
}

function instance(id: string, status: InstanceStatus = 'UP', registeredAt = 1): ServiceInstance {
  const address = { host: '127.0.0.1', port: 1, secure: false };
  return { serviceId: 's', instanceId: id, ...address, metadata: {}, status, registeredAt };
}

function setup(ids: string[], strategy: StrategyName = 'round-robin') {
  const clock = new VirtualClock();
  const registry = new GivenRegistry();
  registry.view.replace(ids.map((id) => instance(id)));
  const settings = { strategy, ejection: 1_000, maxEjection: 30_000 };
  const balancer = new LoadBalancer(registry, { settings: () => settings, clock, random: () => 0 });
  const pick = (options = {}): string => {
    const lease = balancer.choose('s', options);
    lease.release('success');
    return lease.instance.instanceId;
  };
  const end = (id: string, outcome: LeaseOutcome): void => {
    for (let i = 0; i < 20; i++) {
      const lease = balancer.choose('s');
      if (lease.instance.instanceId === id) return lease.release(outcome);
      lease.release('success');
    }
    throw new Error(`${id} is never chosen`);
  };
  const picks = (count: number): string => Array.from({ length: count }, () => pick()).join('');
  return { clock, registry, balancer, pick, picks, end };
}

describe('round robin', () => {
  it('takes one after the other', () => {
    expect(setup(['a', 'b', 'c']).picks(7)).toBe('abcabca');
  });

  it('begins anywhere, so that callers that start together do not all begin with the first', () => {
    const registry = new GivenRegistry();
    registry.view.replace(['a', 'b', 'c'].map((id) => instance(id)));
    const first = new Set<string>();
    for (let seed = 1; seed < 30; seed++) {
      const balancer = new LoadBalancer(registry, { random: seededRandom(seed) });
      first.add(balancer.choose('s').instance.instanceId);
    }
    expect(first.size).toBe(3);
  });
});

describe('least loaded', () => {
  it('takes the instance with the fewest running calls', () => {
    const { balancer } = setup(['a', 'b', 'c'], 'least-loaded');
    const leases = [1, 2, 3].map(() => balancer.choose('s'));
    expect(leases.map((each) => each.instance.instanceId).sort()).toEqual(['a', 'b', 'c']);
    leases[1]!.release('success');
    const next = balancer.choose('s');
    expect(next.instance).toBe(leases[1]!.instance);
  });

  it('takes equals in turn', () => {
    expect(setup(['a', 'b', 'c'], 'least-loaded').picks(6)).toBe('abcabc');
  });

  it('keeps loads level whatever ends when', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = seededRandom(seed);
      const { balancer } = setup(['a', 'b', 'c', 'd'], 'least-loaded');
      const running: Lease[] = [];
      for (let i = 0; i < 200; i++) {
        if (random() < 0.6) {
          const before = countsOf(running);
          const lease = balancer.choose('s');
          const least = Math.min(...['a', 'b', 'c', 'd'].map((id) => before.get(id) ?? 0));
          expect(before.get(lease.instance.instanceId) ?? 0, `seed ${seed}`).toBe(least);
          running.push(lease);
        } else running.splice(Math.floor(random() * running.length), 1)[0]?.release('success');
      }
      expect(balancer.loads()[0]?.active).toBe(running.length);
    }
  });

  it('can be asked for in a single call', () => {
    const { balancer } = setup(['a', 'b']);
    const busy = balancer.choose('s');
    const other = (): string =>
      balancer.choose('s', { strategy: 'least-loaded' }).instance.instanceId;
    expect(other()).not.toBe(busy.instance.instanceId);
  });
});

function countsOf(leases: readonly Lease[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const {
    instance: { instanceId },
  } of leases) {
    counts.set(instanceId, (counts.get(instanceId) ?? 0) + 1);
  }
  return counts;
}

describe('what is not chosen', () => {
  it('is an instance that is not up', () => {
    const { registry, picks } = setup([]);
    registry.view.replace([instance('a', 'DOWN'), instance('b'), instance('c', 'STARTING')]);
    expect(picks(3)).toBe('bbb');
  });

  it('is one that the call has tried, while there are others', () => {
    const { pick } = setup(['a', 'b']);
    expect(pick({ exclude: new Set(['a']) })).toBe('b');
    expect(pick({ exclude: new Set(['a', 'b']) })).toMatch(/[ab]/);
  });

  it('is one that could not be reached, for longer each time', async () => {
    const { clock, picks, end } = setup(['a', 'b']);
    end('a', 'unreachable');
    expect(picks(4)).toBe('bbbb');
    await clock.advance(1_000);
    expect(picks(4)).toContain('a');
    end('a', 'success');
    end('a', 'unreachable');
    await clock.advance(1_000);
    end('a', 'unreachable');
    await clock.advance(1_999);
    expect(picks(4)).toBe('bbbb');
    await clock.advance(1);
    expect(picks(4)).toContain('a');
  });

  it('is one that answers with errors: it is there', () => {
    const { picks, end } = setup(['a', 'b']);
    end('a', 'failure');
    expect(picks(4)).toContain('a');
  });

  it('is nothing when all could not be reached', () => {
    const { balancer, end } = setup(['a', 'b']);
    end('a', 'unreachable');
    end('b', 'unreachable');
    const chosen = new Set<string>();
    for (let i = 0; i < 4; i++) {
      const lease = balancer.choose('s');
      chosen.add(lease.instance.instanceId);
      lease.release('unreachable');
    }
    expect(chosen).toEqual(new Set(['a', 'b']));
    expect(balancer.loads()[0]).toMatchObject({ unreachable: 6, active: 0 });
  });

  it('is taken again at once when it registered anew, or answered', () => {
    const { registry, picks, end } = setup(['a', 'b']);
    end('a', 'unreachable');
    registry.view.replace([instance('a', 'UP', 2), instance('b')]);
    expect(picks(4)).toContain('a');
  });
});

describe('a service without instances', () => {
  it('is a 503 to come back to', () => {
    const { balancer, registry } = setup(['a']);
    balancer.choose('s').release('success');
    registry.view.replace([]);
    expect(() => balancer.choose('S')).toThrow(NoInstanceError);
    const error = (() => {
      try {
        return balancer.choose('s');
      } catch (caught) {
        return caught;
      }
    })();
    expect(error).toMatchObject({
      code: 'RKY_DISC_NO_INSTANCE',
      status: 503,
      serviceId: 's',
      headers: { 'retry-after': '1' },
    });
    expect(balancer.loads()).toMatchObject([{ serviceId: 's', success: 1, discard: 2 }]);
  });

  it('cannot fill the memory with ids that nobody has', () => {
    const { balancer } = setup([]);
    for (let i = 0; i < 100; i++) expect(() => balancer.choose(`x${i}`)).toThrow(NoInstanceError);
    expect(balancer.loads()).toEqual([]);
  });
});

describe('a lease', () => {
  it('counts once, however often it is released', () => {
    const { balancer } = setup(['a']);
    const lease = balancer.choose('s');
    expect(balancer.loads()[0]).toMatchObject({ active: 1 });
    lease.release('success');
    lease.release('failure');
    expect(balancer.loads()[0]).toMatchObject({ active: 0, success: 1, failure: 0 });
  });

  it('may outlive the listing of its instance', () => {
    const { balancer, registry } = setup(['a']);
    const lease = balancer.choose('s');
    registry.view.replace([instance('b')]);
    lease.release('unreachable');
    expect(balancer.loads()[0]).toMatchObject({ active: 0, unreachable: 1 });
  });
});
