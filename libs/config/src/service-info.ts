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
