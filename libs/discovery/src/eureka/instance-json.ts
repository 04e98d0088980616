import type { InstanceStatus, ServiceInstance } from '../registry/service-instance.js';

/** What registering says beyond the instance. */
export interface Registrant extends ServiceInstance {
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  /** When the description last changed, in ms since the epoch. */
  readonly lastDirtyTimestamp: number;
  /** Path prefix of its management endpoints. */
  readonly managementPath: string;
}

/** What a delta does with an instance. */
export type InstanceAction = 'ADDED' | 'MODIFIED' | 'DELETED';

/** An instance as a registry lists it. */
export interface ListedInstance {
  readonly instance: ServiceInstance;
  readonly action: InstanceAction;
}

/** A body of `GET apps` or `GET apps/delta`. */
export interface Listing {
  readonly instances: readonly ListedInstance[];
  /** Counts per status of the whole registry, `DOWN_1_UP_3_`. */
  readonly hash: string | undefined;
}

type Json = Readonly<Record<string, unknown>>;

const STATUSES: readonly string[] = ['UP', 'DOWN', 'STARTING', 'OUT_OF_SERVICE', 'UNKNOWN'];

/**
 * The body of a registration in Netflix's JSON: `@class` first and strings where Java's client
 * writes strings, because servers are strict about both (Netflix/eureka#1310, #857).
 */
export function registrationBody(registrant: Registrant): object {
  const { serviceId, instanceId, host, port, secure, metadata, status } = registrant;
  const name = host.includes(':') ? `[${host}]` : host;
  const base = `${secure ? 'https' : 'http'}://${name}:${port}`;
  return {
    instance: {
      instanceId,
      hostName: host,
      app: serviceId.toUpperCase(),
      ipAddr: host,
      status,
      overriddenStatus: 'UNKNOWN',
      port: { $: secure ? 0 : port, '@enabled': String(!secure) },
      securePort: { $: secure ? port : 0, '@enabled': String(secure) },
      countryId: 1,
      dataCenterInfo: {
        '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo',
        name: 'MyOwn',
      },
      leaseInfo: {
        renewalIntervalInSecs: Math.max(1, Math.round(registrant.heartbeatMs / 1_000)),
        durationInSecs: Math.max(1, Math.round(registrant.leaseMs / 1_000)),
        registrationTimestamp: 0,
        lastRenewalTimestamp: 0,
        evictionTimestamp: 0,
        serviceUpTimestamp: 0,
      },
      metadata,
      homePageUrl: `${base}/`,
      statusPageUrl: `${base}${registrant.managementPath}/info`,
      healthCheckUrl: `${base}${registrant.managementPath}/health`,
      vipAddress: serviceId,
      secureVipAddress: serviceId,
      isCoordinatingDiscoveryServer: 'false',
      lastUpdatedTimestamp: String(registrant.lastDirtyTimestamp),
      lastDirtyTimestamp: String(registrant.lastDirtyTimestamp),
      actionType: 'ADDED',
    },
  };
}

/**
 * Reads `{"applications": ...}`. Servers write one element in place of a list of one, and spell
 * flags as texts; instances without a usable address are left out, because nobody can call them.
 */
export function readListing(body: unknown): Listing | undefined {
  const applications = isJson(body) ? body['applications'] : undefined;
  if (!isJson(applications)) return undefined;
  const hash = applications['apps__hashcode'];
  const instances = listOf(applications['application']).flatMap((application) =>
    isJson(application) ? listOf(application['instance']).flatMap(readInstance) : [],
  );
  return { instances, hash: typeof hash === 'string' ? hash : undefined };
}

/** Netflix's hash over all instances: how many there are of each status, in order of its name. */
export function hashOf(instances: Iterable<ServiceInstance>): string {
  const counts = new Map<string, number>();
  for (const { status } of instances) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([status, count]) => `${status}_${count}_`)
    .join('');
}

function readInstance(value: unknown): ListedInstance[] {
  if (!isJson(value)) return [];
  const { app, hostName, ipAddr, instanceId, actionType, leaseInfo } = value;
  const secure = isEnabled(value['securePort']);
  const port = portOf(secure ? value['securePort'] : value['port']);
  const host = [hostName, ipAddr].find((each) => typeof each === 'string' && each !== '');
  if (typeof app !== 'string' || typeof host !== 'string' || port === undefined) return [];
  const registeredAt = isJson(leaseInfo) ? Number(leaseInfo['registrationTimestamp']) : 0;
  const instance: ServiceInstance = {
    serviceId: app.toLowerCase(),
    instanceId: typeof instanceId === 'string' ? instanceId : `${host}:${port}`,
    host,
    port,
    secure,
    metadata: metadataOf(value['metadata']),
    status: statusOf(value['status']),
    ...(registeredAt > 0 ? { registeredAt } : {}),
  };
  const action = actionType === 'DELETED' || actionType === 'MODIFIED' ? actionType : 'ADDED';
  return [{ instance, action }];
}

function statusOf(value: unknown): InstanceStatus {
  return STATUSES.includes(value as string) ? (value as InstanceStatus) : 'UNKNOWN';
}

function isEnabled(port: unknown): boolean {
  return isJson(port) && String(port['@enabled']) === 'true';
}

function portOf(value: unknown): number | undefined {
  const port = Number(isJson(value) ? value['$'] : value);
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? port : undefined;
}

function metadataOf(value: unknown): Record<string, string> {
  if (!isJson(value)) return {};
  const entries = Object.entries(value).filter(
    ([key, item]) => key !== '@class' && typeof item === 'string',
  );
  return Object.fromEntries(entries) as Record<string, string>;
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return value === undefined || value === null ? [] : [value];
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
