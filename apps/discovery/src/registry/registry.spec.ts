import { VirtualClock } from '@rookery/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { RegistryFullError } from '../discovery-server.errors.js';
import type { InstanceDescription } from './instance.js';
import { Registry, type RegistryOptions } from './registry.js';

const describeInstance = (
  id: string,
  change: Partial<InstanceDescription> = {},
): InstanceDescription => ({
  instanceId: id,
  app: 'ORDERS',
  appGroupName: undefined,
  hostName: 'localhost',
  ipAddr: '127.0.0.1',
  status: 'UP',
  overriddenStatus: 'UNKNOWN',
  port: { number: 8081, enabled: true },
  securePort: { number: 443, enabled: false },
  dataCenter: { className: 'x', name: 'MyOwn' },
  renewalIntervalInSecs: 5,
  durationInSecs: 15,
  metadata: {},
  homePageUrl: undefined,
  statusPageUrl: undefined,
  healthCheckUrl: undefined,
  secureHealthCheckUrl: undefined,
  vipAddress: 'orders',
  secureVipAddress: undefined,
  isCoordinatingDiscoveryServer: false,
  lastDirtyTimestamp: 1_000,
  ...change,
});

const options: RegistryOptions = {
  evictionInterval: 1_000,
  deltaRetention: 180_000,
  announceDelay: 25,
  maxInstances: 100,
  maxLease: 900_000,
  selfPreservation: { enabled: true, threshold: 0.15, minInstances: 10, giveUpAfter: 900_000 },
};

let clock: VirtualClock;
let registry: Registry;
beforeEach(() => {
  clock = new VirtualClock();
  registry = new Registry(options, clock);
});

const statusOf = (id: string) => registry.instance(id, 'orders')?.status;

describe('a lease', () => {
  it('ends exactly when it says, unless it is renewed', async () => {
    registry.start();
    registry.register(describeInstance('a'));
    registry.register(describeInstance('b'));
    await clock.advance(14_000);
    expect(registry.renew('orders', 'b')).toEqual({ outcome: 'renewed' });
    await clock.advance(1_000);
    expect(registry.size).toBe(1);
    expect(registry.instance('a')).toBeUndefined();
    await clock.advance(14_000);
    expect(registry.size).toBe(0);
    expect(registry.applications().size).toBe(0);
  });

  it('may not be longer than the server allows', async () => {
    registry.start();
    registry.register(describeInstance('a', { durationInSecs: 3_600 }));
    await clock.advance(901_000);
    expect(registry.size).toBe(0);
  });

  it('tells a stranger, and one who knows more, to register again', () => {
    expect(registry.renew('orders', 'a')).toEqual({ outcome: 'unknown' });
    registry.register(describeInstance('a', { lastDirtyTimestamp: 5 }));
    expect(registry.renew('orders', 'a', 5)).toEqual({ outcome: 'renewed' });
    expect(registry.renew('orders', 'a', 6)).toEqual({ outcome: 'unknown' });
    expect(registry.renew('orders', 'a', 4)).toEqual({ outcome: 'renewed' });
  });

  it('gives a peer who knows less what is known here', () => {
    registry.register(describeInstance('a', { lastDirtyTimestamp: 5 }));
    expect(registry.renew('orders', 'a', 4, true)).toMatchObject({
      outcome: 'stale',
      instance: { instanceId: 'a', lastDirtyTimestamp: 5 },
    });
  });
});

describe('a registration', () => {
  it('that is older than what is known changes nothing of it', () => {
    registry.register(describeInstance('a', { lastDirtyTimestamp: 9, hostName: 'new' }));
    registry.register(describeInstance('a', { lastDirtyTimestamp: 8, hostName: 'old' }));
    expect(registry.instance('a')).toMatchObject({ hostName: 'new', lastDirtyTimestamp: 9 });
    registry.register(describeInstance('a', { lastDirtyTimestamp: 10, hostName: 'newest' }));
    expect(registry.instance('a')).toMatchObject({ hostName: 'newest' });
  });

  it('keeps since when the service is up', async () => {
    registry.register(describeInstance('a'));
    const { serviceUpTimestamp } = registry.instance('a')!.lease;
    expect(serviceUpTimestamp).toBe(clock.now());
    await clock.advance(5_000);
    registry.register(describeInstance('a', { lastDirtyTimestamp: 2_000 }));
    expect(registry.instance('a')!.lease).toMatchObject({
      serviceUpTimestamp,
      registrationTimestamp: clock.now(),
    });
  });

  it('is refused when the registry is full, but not to whom it has already', () => {
    registry = new Registry({ ...options, maxInstances: 1 }, clock);
    registry.register(describeInstance('a'));
    expect(() => registry.register(describeInstance('b'))).toThrow(RegistryFullError);
    registry.register(describeInstance('a', { lastDirtyTimestamp: 2_000 }));
    registry.cancel('orders', 'a');
    registry.register(describeInstance('b'));
    expect(registry.size).toBe(1);
  });
});

describe('the status of an instance', () => {
  it.each(['DOWN', 'STARTING'] as const)('is %s when it says so, whatever was set', (status) => {
    registry.register(describeInstance('a'));
    registry.override('orders', 'a', 'OUT_OF_SERVICE');
    registry.register(describeInstance('a', { status, lastDirtyTimestamp: 2_000 }));
    expect(statusOf('a')).toBe(status);
  });

  it('is what was set over it, through renewals and registrations', () => {
    registry.register(describeInstance('a'));
    expect(registry.override('orders', 'a', 'OUT_OF_SERVICE')).toBe(true);
    registry.renew('orders', 'a');
    expect(statusOf('a')).toBe('OUT_OF_SERVICE');
    registry.register(describeInstance('a', { lastDirtyTimestamp: 2_000 }));
    expect(registry.instance('a')).toMatchObject({
      status: 'OUT_OF_SERVICE',
      overriddenStatus: 'OUT_OF_SERVICE',
    });
  });

  it('is asked for again when what was set is lifted without another', () => {
    registry.register(describeInstance('a'));
    registry.override('orders', 'a', 'OUT_OF_SERVICE');
    registry.liftOverride('orders', 'a');
    expect(statusOf('a')).toBe('UNKNOWN');
    expect(registry.renew('orders', 'a')).toEqual({ outcome: 'unknown' });
    registry.register(describeInstance('a', { lastDirtyTimestamp: 2_000 }));
    expect(statusOf('a')).toBe('UP');
    expect(registry.renew('orders', 'a')).toEqual({ outcome: 'renewed' });
  });

  it('is what it was lifted to', () => {
    registry.register(describeInstance('a'));
    registry.override('orders', 'a', 'OUT_OF_SERVICE');
    registry.liftOverride('orders', 'a', 'UP');
    expect(statusOf('a')).toBe('UP');
    expect(registry.renew('orders', 'a')).toEqual({ outcome: 'renewed' });
  });

  it('stays OUT_OF_SERVICE or UP when a client registers anew with the other', () => {
    registry.register(describeInstance('a', { status: 'OUT_OF_SERVICE' }));
    registry.register(describeInstance('a', { status: 'UP', lastDirtyTimestamp: 2_000 }));
    expect(statusOf('a')).toBe('OUT_OF_SERVICE');
    registry.register(describeInstance('a', { status: 'UP', lastDirtyTimestamp: 3_000 }), true);
    expect(statusOf('a')).toBe('UP');
  });

  it('of strangers cannot be set', () => {
    expect(registry.override('orders', 'x', 'DOWN')).toBe(false);
    expect(registry.liftOverride('orders', 'x')).toBe(false);
    expect(registry.addMetadata('orders', 'x', {})).toBe(false);
    expect(registry.cancel('orders', 'x')).toBe(false);
  });
});

describe('the delta', () => {
  it('has the last change of each instance, for the time it promises', async () => {
    registry.register(describeInstance('a'));
    registry.register(describeInstance('b'));
    registry.addMetadata('orders', 'a', { zone: 'z1' });
    registry.cancel('orders', 'b');
    expect(registry.delta().map(({ instanceId, actionType }) => [instanceId, actionType])).toEqual([
      ['a', 'MODIFIED'],
      ['b', 'DELETED'],
    ]);
    expect(registry.instance('a')?.metadata).toEqual({ zone: 'z1' });
    await clock.advance(180_000);
    expect(registry.delta()).toEqual([]);
  });

  it('does not grow without end', () => {
    registry.register(describeInstance('a'));
    for (let n = 0; n < 20_000; n++) registry.addMetadata('orders', 'a', { n: String(n) });
    expect(registry.delta()).toHaveLength(1);
    expect(registry.version).toBe(20_002);
  });
});

describe('changes', () => {
  it('that come together are announced once, renewals never', async () => {
    const versions: number[] = [];
    registry.onChange((version) => versions.push(version));
    registry.register(describeInstance('a'));
    registry.register(describeInstance('b'));
    await clock.advance(25);
    expect(versions).toEqual([3]);
    registry.renew('orders', 'a');
    await clock.advance(1_000);
    expect(versions).toEqual([3]);
    registry.cancel('orders', 'a');
    await clock.advance(25);
    expect(versions).toEqual([3, 4]);
  });

  it('leave no timer behind after the end', async () => {
    registry.start();
    registry.register(describeInstance('a'));
    registry.close();
    expect(clock.pending).toBe(0);
    registry.cancel('orders', 'a');
    expect(clock.pending).toBe(0);
  });
});

describe('self-preservation', () => {
  const fleet = (size: number): void => {
    registry.start();
    for (let n = 0; n < size; n++) registry.register(describeInstance(`i${n}`));
  };
  /** Lets time pass while only the first `alive` renew. */
  const pass = async (ms: number, alive: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 5_000) {
      for (let n = 0; n < alive; n++) registry.renew('orders', `i${n}`);
      await clock.advance(5_000);
    }
  };

  it.each([1, 2, 3, 6, 9])('never keeps the dead in a fleet of %d', async (size) => {
    fleet(size);
    await pass(20_000, size - 1);
    expect(registry.size).toBe(size - 1);
    expect(registry.preservingSince).toBeUndefined();
  });

  it('keeps everyone while too many are missing at once, and says so', async () => {
    fleet(20);
    await pass(60_000, 2);
    expect(registry.size).toBe(20);
    expect(registry.preservingSince).toBeDefined();
    await pass(20_000, 20);
    expect(registry.size).toBe(20);
    expect(registry.preservingSince).toBeUndefined();
  });

  it('evicts a few dead of many at once', async () => {
    fleet(20);
    await pass(20_000, 17);
    expect(registry.size).toBe(17);
  });

  it('is not for ever', async () => {
    fleet(20);
    await pass(930_000, 5);
    expect(registry.size).toBe(5);
    expect(registry.preservingSince).toBeUndefined();
  });

  it('can be switched off', async () => {
    registry = new Registry(
      { ...options, selfPreservation: { ...options.selfPreservation, enabled: false } },
      clock,
    );
    fleet(20);
    await pass(20_000, 0);
    expect(registry.size).toBe(0);
  });
});
