import { IncompleteInstanceError, InvalidInstanceError } from '../discovery-server.errors.js';
import {
  INSTANCE_STATUSES,
  type InstanceDescription,
  type InstancePort,
  type InstanceStatus,
  type RegisteredInstance,
} from '../registry/instance.js';
import { address, applicationName, instanceName, metadataOf, text } from './instance-rules.js';

/** Lease times of Netflix's client, for those that do not say theirs. */
const DEFAULT_RENEWAL_S = 30;
const DEFAULT_DURATION_S = 90;
const MAX_LEASE_S = 3_600;
const EMPTY_MAP = 'java.util.Collections$EmptyMap';
const MY_OWN = 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo';

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads a registration, `{"instance": {...}}`, in the loose JSON of Eureka's clients: numbers and
 * booleans may be texts, `overriddenstatus` is spelt both ways, what is unknown is left out.
 *
 * @param app application of the path, which the body must name too
 * @throws IncompleteInstanceError with Netflix's own message
 * @throws InvalidInstanceError for what no instance may have
 */
export function parseInstance(body: unknown, app: string, now: number): InstanceDescription {
  const json = isJson(body) ? body['instance'] : undefined;
  if (!isJson(json)) throw new IncompleteInstanceError('Missing instance');
  const hostName = required(json['hostName'], 'hostname');
  const instanceId = text(json['instanceId'], 'instanceId') ?? hostName;
  const ipAddr = required(json['ipAddr'], 'ip address');
  const appName = required(json['app'], 'appName');
  if (appName.toUpperCase() !== app.toUpperCase()) {
    throw new IncompleteInstanceError(`Mismatched appName, expecting ${app.toUpperCase()}`);
  }
  const dataCenter = json['dataCenterInfo'];
  if (!isJson(dataCenter)) throw new IncompleteInstanceError('Missing dataCenterInfo');
  const lease = isJson(json['leaseInfo']) ? json['leaseInfo'] : {};
  return {
    instanceId: instanceName(instanceId),
    app: applicationName(appName),
    appGroupName: text(json['appGroupName'], 'appGroupName'),
    hostName: address(hostName, 'hostName'),
    ipAddr: address(ipAddr, 'ipAddr'),
    status: status(json['status']) ?? 'UP',
    overriddenStatus: status(json['overriddenStatus'] ?? json['overriddenstatus']) ?? 'UNKNOWN',
    port: port(json['port'], 'port', true),
    securePort: port(json['securePort'], 'securePort', false),
    dataCenter: {
      className: text(dataCenter['@class'], 'dataCenterInfo') ?? MY_OWN,
      name: required(dataCenter['name'], 'dataCenterInfo Name'),
    },
    renewalIntervalInSecs: seconds(lease['renewalIntervalInSecs'], DEFAULT_RENEWAL_S),
    durationInSecs: seconds(lease['durationInSecs'], DEFAULT_DURATION_S),
    metadata: metadataOf(json['metadata']),
    homePageUrl: text(json['homePageUrl'], 'homePageUrl'),
    statusPageUrl: text(json['statusPageUrl'], 'statusPageUrl'),
    healthCheckUrl: text(json['healthCheckUrl'], 'healthCheckUrl'),
    secureHealthCheckUrl: text(json['secureHealthCheckUrl'], 'secureHealthCheckUrl'),
    vipAddress: text(json['vipAddress'], 'vipAddress'),
    secureVipAddress: text(json['secureVipAddress'], 'secureVipAddress'),
    isCoordinatingDiscoveryServer: asText(json['isCoordinatingDiscoveryServer']) === 'true',
    lastDirtyTimestamp: timestamp(json['lastDirtyTimestamp']) ?? now,
  };
}

/**
 * An instance as Netflix's server writes it. Order and types are part of the format: `@class` comes
 * first, flags and some times are texts, and the Java client refuses fields that it does not know.
 */
export function instanceToJson(instance: RegisteredInstance): Json {
  return {
    instanceId: instance.instanceId,
    hostName: instance.hostName,
    app: instance.app,
    ipAddr: instance.ipAddr,
    status: instance.status,
    overriddenStatus: instance.overriddenStatus,
    port: portToJson(instance.port),
    securePort: portToJson(instance.securePort),
    countryId: 1,
    dataCenterInfo: { '@class': instance.dataCenter.className, name: instance.dataCenter.name },
    leaseInfo: {
      renewalIntervalInSecs: instance.renewalIntervalInSecs,
      durationInSecs: instance.durationInSecs,
      registrationTimestamp: instance.lease.registrationTimestamp,
      lastRenewalTimestamp: instance.lease.lastRenewalTimestamp,
      evictionTimestamp: instance.lease.evictionTimestamp,
      serviceUpTimestamp: instance.lease.serviceUpTimestamp,
    },
    metadata:
      Object.keys(instance.metadata).length === 0 ? { '@class': EMPTY_MAP } : instance.metadata,
    ...optional({
      appGroupName: instance.appGroupName,
      homePageUrl: instance.homePageUrl,
      statusPageUrl: instance.statusPageUrl,
      healthCheckUrl: instance.healthCheckUrl,
      secureHealthCheckUrl: instance.secureHealthCheckUrl,
      vipAddress: instance.vipAddress,
      secureVipAddress: instance.secureVipAddress,
    }),
    isCoordinatingDiscoveryServer: String(instance.isCoordinatingDiscoveryServer),
    lastUpdatedTimestamp: String(instance.lastUpdatedTimestamp),
    lastDirtyTimestamp: String(instance.lastDirtyTimestamp),
    actionType: instance.actionType,
  };
}

/** A status of a request or body. @throws InvalidInstanceError when it is none */
export function status(value: unknown): InstanceStatus | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const found = INSTANCE_STATUSES.find((each) => each === asText(value).toUpperCase());
  if (found === undefined) throw new InvalidInstanceError('status: no such status');
  return found;
}

/** Milliseconds of a request or body; `undefined` when they are none. */
export function timestamp(value: unknown): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const number = Number(value);
  return value !== '' && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

/** A scalar as text; anything else is none. */
const asText = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'boolean' ? String(value) : '';

function port(value: unknown, field: string, enabledByDefault: boolean): InstancePort {
  const json: Json = isJson(value) ? value : { $: value };
  const flag = json['@enabled'] ?? (value !== undefined && enabledByDefault);
  const enabled = asText(flag) === 'true';
  const number = Number(json['$'] ?? 0);
  const isPort = Number.isInteger(number) && number >= (enabled ? 1 : 0) && number <= 65_535;
  if (!isPort) throw new InvalidInstanceError(`${field}: expected a port from 1 to 65535`);
  return { number, enabled };
}

const portToJson = ({ number, enabled }: InstancePort): Json => ({
  $: number,
  '@enabled': String(enabled),
});

function seconds(value: unknown, fallback: number): number {
  if (value === undefined || value === null) return fallback;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > MAX_LEASE_S) {
    throw new InvalidInstanceError(`leaseInfo: expected whole seconds from 1 to ${MAX_LEASE_S}`);
  }
  return number;
}

function required(value: unknown, name: string): string {
  const found = text(value, name);
  if (found === undefined) throw new IncompleteInstanceError(`Missing ${name}`);
  return found;
}

function optional(fields: Readonly<Record<string, string | undefined>>): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
