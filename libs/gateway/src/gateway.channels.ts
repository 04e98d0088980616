import { channel } from '@rookery/core';

/** A request that the gateway has answered, or whose client left before. */
export interface GatewayRequest {
  readonly app: string;
  /** `none` when no route took it. */
  readonly routeId: string;
  /** Service or host that the route leads to; empty without a route. */
  readonly upstream: string;
  readonly method: string;
  /** 499 when the client left before its answer. */
  readonly status: number;
  readonly durationMs: number;
}

/** `rookery.gateway.request` */
export const gatewayRequests = channel<GatewayRequest>('rookery.gateway.request');
