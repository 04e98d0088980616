export { GatewayModule } from './gateway.module.js';
export { gatewaySchema, type GatewayOptions, type RouteOptions } from './gateway.options.js';
export {
  BodyTooLargeError,
  HeadersTooLargeError,
  MalformedRequestError,
  MethodNotAllowedError,
  MisdirectedRequestError,
  NoRouteError,
  RequestTimeoutError,
  UpstreamBusyError,
  UpstreamFailedError,
  UpstreamTimeoutError,
  UpstreamUnreachableError,
  UrlTooLongError,
} from './gateway.errors.js';
export { gatewayRequests, type GatewayRequest } from './gateway.channels.js';
export { Gateway, type Exchange, type GatewayParts } from './proxy/gateway.js';
export type { UpstreamParts } from './proxy/call-upstream.js';
export type { CallOutcome, UpstreamBalancer, UpstreamLease } from './upstream/balancer.js';
export { RouteTable, type Match, type Route, type Upstream } from './route/route-table.js';
export { requestTarget, type RequestTarget } from './request/request-target.js';
export { answerClientErrors } from './request/client-error.js';
