import { randomBytes } from 'node:crypto';
import { systemClock, type Clock } from '@rookery/core';
import { identityOptions } from './config.options.js';
import type { ConfigStore } from './store/config-store.js';

/** Who this process is. Injectable by its class. */
export class ServiceInfo {
  constructor(
    /** Name of the service, `orders`. */
    readonly name: string,
    /** Name of this instance, `orders-1`; unique within the service. */
    readonly instance: string,
    readonly version: string,
    /** Active profiles as one text, `development`. */
    readonly profile: string,
    /** Milliseconds since the epoch. */
    readonly startedAt: number,
  ) {}
}

/** What {@link describeService} cannot read from the configuration. */
export interface DescribeServiceOptions {
  /** Version of the service. @default `rookery.version`, else `0.0.0` */
  readonly version?: string | undefined;
  /** @default the system's clock */
  readonly clock?: Clock | undefined;
}

/**
 * Says who a service is, from the namespace `rookery`; an instance without a name gets one by chance.
 *
 * @throws InvalidOptionError when a name in the configuration is not allowed
 */
export function describeService(
  store: ConfigStore,
  { version, clock = systemClock }: DescribeServiceOptions = {},
): ServiceInfo {
  const identity = store.namespace('rookery', identityOptions);
  return new ServiceInfo(
    store.app,
    identity.instance ?? `${store.app}-${randomBytes(4).toString('hex')}`,
    version ?? identity.version ?? '0.0.0',
    store.profile,
    clock.now(),
  );
}
