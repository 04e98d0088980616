/** What an instance is. Only UP instances are called. */
export type InstanceStatus = 'UP' | 'DOWN' | 'STARTING' | 'OUT_OF_SERVICE' | 'UNKNOWN';

/** All of {@link InstanceStatus}. */
export const INSTANCE_STATUSES: readonly InstanceStatus[] = [
  'UP',
  'DOWN',
  'STARTING',
  'OUT_OF_SERVICE',
  'UNKNOWN',
];

/** A port, and whether it is in use. */
export interface InstancePort {
  readonly number: number;
  readonly enabled: boolean;
}

/** What an instance says of itself when it registers. */
export interface InstanceDescription {
  /** Unique within its application. */
  readonly instanceId: string;
  /** Application in upper case, `ORDERS`. */
  readonly app: string;
  readonly appGroupName: string | undefined;
  readonly hostName: string;
  readonly ipAddr: string;
  readonly status: InstanceStatus;
  readonly overriddenStatus: InstanceStatus;
  readonly port: InstancePort;
  readonly securePort: InstancePort;
  readonly dataCenter: { readonly className: string; readonly name: string };
  /** How often it will renew, and how long it counts as alive without, in seconds. */
  readonly renewalIntervalInSecs: number;
  readonly durationInSecs: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly homePageUrl: string | undefined;
  readonly statusPageUrl: string | undefined;
  readonly healthCheckUrl: string | undefined;
  readonly secureHealthCheckUrl: string | undefined;
  readonly vipAddress: string | undefined;
  readonly secureVipAddress: string | undefined;
  readonly isCoordinatingDiscoveryServer: boolean;
  /** When it last changed itself, in its own milliseconds; tells older from newer. */
  readonly lastDirtyTimestamp: number;
}

/** What happened to an instance. */
export type InstanceAction = 'ADDED' | 'MODIFIED' | 'DELETED';

/** An instance as the registry knows it. Replaced, never changed. */
export interface RegisteredInstance extends InstanceDescription {
  /** Milliseconds of the server's clock. */
  readonly lastUpdatedTimestamp: number;
  readonly actionType: InstanceAction;
  readonly lease: LeaseTimes;
}

/** When things happened to a lease, in milliseconds since the epoch; 0 = never. */
export interface LeaseTimes {
  readonly registrationTimestamp: number;
  readonly lastRenewalTimestamp: number;
  readonly evictionTimestamp: number;
  readonly serviceUpTimestamp: number;
}
