import { describe, expect, it } from 'vitest';
import { IncompleteInstanceError, InvalidInstanceError } from '../discovery-server.errors.js';
import type { RegisteredInstance } from '../registry/instance.js';
import { instanceToJson, parseInstance } from './instance-json.js';

const minimal = {
  instanceId: 'localhost:orders:8081',
  hostName: 'localhost',
  app: 'ORDERS',
  ipAddr: '127.0.0.1',
  port: { $: 8081, '@enabled': 'true' },
  dataCenterInfo: { '@class': 'x.Y', name: 'MyOwn' },
};
const parse = (change: object = {}, app = 'orders') =>
  parseInstance({ instance: { ...minimal, ...change } }, app, 7_000);

const registered = (change: Partial<RegisteredInstance> = {}): RegisteredInstance => ({
  ...parse(),
  lastUpdatedTimestamp: 5,
  actionType: 'ADDED',
  lease: {
    registrationTimestamp: 1,
    lastRenewalTimestamp: 2,
    evictionTimestamp: 0,
    serviceUpTimestamp: 3,
  },
  ...change,
});

describe('a registration', () => {
  it('is read with what Netflix assumes where it is silent', () => {
    expect(parse()).toMatchObject({
      status: 'UP',
      overriddenStatus: 'UNKNOWN',
      port: { number: 8081, enabled: true },
      securePort: { number: 0, enabled: false },
      renewalIntervalInSecs: 30,
      durationInSecs: 90,
      metadata: {},
      lastDirtyTimestamp: 7_000,
    });
  });

  it.each([
    [{ port: 8081 }, { port: { number: 8081, enabled: true } }],
    [{ port: { $: '8081', '@enabled': true } }, { port: { number: 8081, enabled: true } }],
    [{ port: { $: 0, '@enabled': 'false' } }, { port: { number: 0, enabled: false } }],
    [{ overriddenstatus: 'DOWN' }, { overriddenStatus: 'DOWN' }],
    [{ overriddenStatus: 'DOWN', overriddenstatus: 'UP' }, { overriddenStatus: 'DOWN' }],
    [{ lastDirtyTimestamp: '123' }, { lastDirtyTimestamp: 123 }],
    [{ status: 'starting' }, { status: 'STARTING' }],
    [
      { metadata: { '@class': 'java.util.Map', zone: 'a', n: 5 } },
      { metadata: { zone: 'a', n: '5' } },
    ],
    [{ leaseInfo: { durationInSecs: '15', renewalIntervalInSecs: 5 } }, { durationInSecs: 15 }],
    [{ instanceId: undefined }, { instanceId: 'localhost' }],
    [{ unknown: { deep: true } }, { app: 'ORDERS' }],
  ])('with %j has %j', (change, expected) => {
    const parsed = parse(change);
    expect(parsed).toMatchObject(expected);
    expect(parsed).not.toHaveProperty('unknown');
  });

  it.each([
    [{ hostName: '' }, 'Missing hostname'],
    [{ ipAddr: undefined }, 'Missing ip address'],
    [{ app: undefined }, 'Missing appName'],
    [{ app: 'PAYMENTS' }, 'Mismatched appName, expecting ORDERS'],
    [{ dataCenterInfo: undefined }, 'Missing dataCenterInfo'],
    [{ dataCenterInfo: {} }, 'Missing dataCenterInfo Name'],
  ])("with %j is answered in Netflix's words: %s", (change, message) => {
    expect(() => parse(change)).toThrow(IncompleteInstanceError);
    expect(() => parse(change)).toThrow(message);
  });

  it.each([undefined, null, 'x', [], {}, { instance: [] }])('of %j is incomplete', (body) => {
    expect(() => parseInstance(body, 'orders', 0)).toThrow(IncompleteInstanceError);
  });

  it.each([
    { ipAddr: '169.254.169.254' },
    { ipAddr: '0.0.0.0' },
    { ipAddr: '255.255.255.255' },
    { ipAddr: '224.0.0.1' },
    { ipAddr: '::' },
    { ipAddr: 'fe80::1' },
    { ipAddr: '::ffff:169.254.169.254' },
    { ipAddr: '0x7f000001/' },
    { ipAddr: '1.2.3' },
    { hostName: 'a b' },
    { hostName: 'host\r\nX-Injected: 1' },
    { hostName: 'host/path' },
    { hostName: 'user@host' },
    { hostName: '-host' },
    { hostName: 'a'.repeat(300) },
    { port: { $: 0, '@enabled': 'true' } },
    { port: { $: 70_000, '@enabled': 'true' } },
    { port: { $: -1, '@enabled': 'false' } },
    { port: { $: '80; rm', '@enabled': 'true' } },
    { securePort: { $: 70_000, '@enabled': 'false' } },
    { instanceId: '../../etc' },
    { instanceId: 'a'.repeat(300) },
    { instanceId: 'a\u0000b' },
    { instanceId: 'оrders' },
    { app: '../ORDERS' },
    { status: 'BOGUS' },
    { leaseInfo: { durationInSecs: 0 } },
    { leaseInfo: { durationInSecs: 1e9 } },
    { leaseInfo: { renewalIntervalInSecs: 'often' } },
    { metadata: 'x' },
    { metadata: { ok: { nested: true } } },
    { metadata: JSON.parse('{"__proto__":"x"}') as object },
    { metadata: { 'a key': 'x' } },
    { metadata: { k: 'line\nbreak' } },
    { metadata: { k: 'x'.repeat(3_000) } },
    { metadata: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, 'v'])) },
    { homePageUrl: 'http://x/\u001b[31m' },
  ])('with %j is refused', (change) => {
    const app = (change as { app?: string }).app ?? 'orders';
    expect(() => parse(change, app)).toThrow(InvalidInstanceError);
  });
});

describe('an instance as JSON', () => {
  it('has the fields of Netflix, in their order and types', () => {
    const json = instanceToJson(
      registered({ vipAddress: 'orders', homePageUrl: 'http://localhost:8081/' }),
    );
    expect(JSON.stringify(json)).toBe(
      '{"instanceId":"localhost:orders:8081","hostName":"localhost","app":"ORDERS",' +
        '"ipAddr":"127.0.0.1","status":"UP","overriddenStatus":"UNKNOWN",' +
        '"port":{"$":8081,"@enabled":"true"},"securePort":{"$":0,"@enabled":"false"},' +
        '"countryId":1,"dataCenterInfo":{"@class":"x.Y","name":"MyOwn"},' +
        '"leaseInfo":{"renewalIntervalInSecs":30,"durationInSecs":90,"registrationTimestamp":1,' +
        '"lastRenewalTimestamp":2,"evictionTimestamp":0,"serviceUpTimestamp":3},' +
        '"metadata":{"@class":"java.util.Collections$EmptyMap"},' +
        '"homePageUrl":"http://localhost:8081/","vipAddress":"orders",' +
        '"isCoordinatingDiscoveryServer":"false","lastUpdatedTimestamp":"5",' +
        '"lastDirtyTimestamp":"7000","actionType":"ADDED"}',
    );
  });

  it('is what a registration may be made of again', () => {
    const instance = registered({ metadata: { zone: 'a' }, vipAddress: 'orders' });
    const again = parseInstance({ instance: instanceToJson(instance) }, 'ORDERS', 0);
    expect(instance).toMatchObject(again);
  });
});
