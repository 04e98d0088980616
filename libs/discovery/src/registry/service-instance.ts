/** What an instance says of itself, in Eureka's words. Only `UP` ones get calls. */
export type InstanceStatus = 'UP' | 'DOWN' | 'STARTING' | 'OUT_OF_SERVICE' | 'UNKNOWN';

/** One running copy of a service. */
export interface ServiceInstance {
  /** Lower-case name of the service. */
  readonly serviceId: string;
  /** Unique among all instances of all services. */
  readonly instanceId: string;
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Whether it speaks TLS on that port. */
  readonly secure: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  readonly status: InstanceStatus;
  /** When it registered, in ms since the epoch, where known: a new value is a new process. */
  readonly registeredAt?: number;
}

/** `http://host:port` of an instance. */
export function baseUrl({ host, port, secure }: ServiceInstance): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return `${secure ? 'https' : 'http'}://${name}:${port}`;
}
