import { describe, expect, it } from 'vitest';
import { hashOf, readListing, registrationBody } from './instance-json.js';

const registrant = {
  serviceId: 'orders',
  instanceId: 'orders-1',
  host: '10.0.0.5',
  port: 8081,
  secure: false,
  metadata: { zone: 'a' },
  status: 'UP' as const,
  heartbeatMs: 5_000,
  leaseMs: 15_000,
  lastDirtyTimestamp: 1_700_000_000_000,
  managementPath: '/manage',
};

describe('a registration', () => {
  it('has the fields, types and order that Java clients and servers insist on', () => {
    const { instance } = registrationBody(registrant) as { instance: Record<string, unknown> };
    expect(instance).toMatchObject({
      app: 'ORDERS',
      hostName: '10.0.0.5',
      port: { $: 8081, '@enabled': 'true' },
      securePort: { '@enabled': 'false' },
      vipAddress: 'orders',
      leaseInfo: { renewalIntervalInSecs: 5, durationInSecs: 15 },
      healthCheckUrl: 'http://10.0.0.5:8081/manage/health',
      lastDirtyTimestamp: '1700000000000',
    });
    const keys = Object.keys(instance);
    expect(keys.indexOf('dataCenterInfo')).toBeLessThan(keys.indexOf('metadata'));
    expect(Object.keys(instance['dataCenterInfo'] as object)[0]).toBe('@class');
  });

  it('reads back as what it was', () => {
    const body = registrationBody({ ...registrant, secure: true }) as { instance: object };
    const listing = readListing({
      applications: { application: [{ name: 'ORDERS', instance: [body.instance] }] },
    });
    expect(listing?.instances[0]?.instance).toEqual({
      serviceId: 'orders',
      instanceId: 'orders-1',
      host: '10.0.0.5',
      port: 8081,
      secure: true,
      metadata: { zone: 'a' },
      status: 'UP',
    });
  });
});

describe('a listing', () => {
  const instance = { app: 'A', hostName: 'h', instanceId: 'a', port: { $: 1, '@enabled': 'true' } };
  const read = (...instances: unknown[]) =>
    readListing({ applications: { application: [{ name: 'A', instance: instances }] } })!;

  it('may be one where a list is meant', () => {
    const listing = readListing({ applications: { application: { name: 'A', instance } } });
    expect(listing?.instances).toHaveLength(1);
  });

  it('leaves out what nobody could call, and keeps the rest', () => {
    const { instances } = read(
      instance,
      null,
      'text',
      { ...instance, port: { $: 0 } },
      { ...instance, port: { $: 70_000 } },
      { ...instance, hostName: undefined },
      { ...instance, app: 5 },
      { ...instance, instanceId: 'b', port: 80, metadata: { x: 1, y: 'z', '@class': 'C' } },
    );
    expect(instances.map((each) => each.instance.instanceId)).toEqual(['a', 'b']);
    expect(instances[1]?.instance.metadata).toEqual({ y: 'z' });
  });

  it('takes an unknown status for UNKNOWN, and an unknown action for ADDED', () => {
    const [listed] = read({ ...instance, status: 'SLEEPING', actionType: 'PAINTED' }).instances;
    expect(listed).toMatchObject({ action: 'ADDED', instance: { status: 'UNKNOWN' } });
  });

  it.each([[undefined], [null], [[]], [{}], [{ applications: 3 }]])('is not %j', (body) => {
    expect(readListing(body)).toBeUndefined();
  });
});

it('hashes counts by status in order of the name', () => {
  const of = (...statuses: string[]) =>
    hashOf(statuses.map((status) => ({ ...registrant, status: status as 'UP' })));
  expect(of('UP', 'DOWN', 'UP', 'UP')).toBe('DOWN_1_UP_3_');
  expect(of()).toBe('');
});
