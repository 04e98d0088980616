import { InvalidOptionError } from '@rookery/core';

/** @throws InvalidOptionError when static membership is asked of a driver that lacks it */
export function denyInstanceId(driver: string, instanceId: string | undefined): void {
  if (instanceId === undefined) return;
  throw new InvalidOptionError(`consumer of the ${driver} driver`, [
    'instanceId: this driver has no static membership; use the driver platformatic',
  ]);
}
