import type { RegisteredInstance } from '../registry/instance.js';
import { instanceToJson } from './instance-json.js';

/** Instances by the name of their application. */
export type Applications = ReadonlyMap<string, readonly RegisteredInstance[]>;

/** `{"application": ...}` */
export function applicationToJson(name: string, instances: readonly RegisteredInstance[]): object {
  return { application: { name, instance: instances.map(instanceToJson) } };
}

/**
 * `{"applications": ...}`: always with its lists, which the Java client needs even when they are
 * empty.
 *
 * @param hashOf what the hash is about; for a delta that is the whole registry, so that a client can
 *   tell whether it arrived at the same state
 */
export function applicationsToJson(
  applications: Applications,
  version: number,
  hashOf: Applications = applications,
): object {
  return {
    applications: {
      versions__delta: String(version),
      apps__hashcode: hashCode(hashOf),
      application: [...applications].map(([name, instances]) => ({
        name,
        instance: instances.map(instanceToJson),
      })),
    },
  };
}

/** Netflix's reconcile hash: how many instances have each status, `DOWN_1_UP_3_`. */
export function hashCode(applications: Applications): string {
  const counts = new Map<string, number>();
  for (const instances of applications.values()) {
    for (const { status } of instances) counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([status, count]) => `${status}_${count}_`)
    .join('');
}

/** Groups instances by application, in the order they come. */
export function byApplication(instances: Iterable<RegisteredInstance>): Applications {
  const groups = new Map<string, RegisteredInstance[]>();
  for (const instance of instances) {
    const group = groups.get(instance.app);
    if (group === undefined) groups.set(instance.app, [instance]);
    else group.push(instance);
  }
  return groups;
}
