import { RookeryError } from '@rookery/core';

const RETRY_SOON: Readonly<Record<string, string>> = { 'retry-after': '1' };

/** The request is malformed in a way that could mean one thing here and another upstream. */
export class MalformedRequestError extends RookeryError {
  override readonly code = 'RKY_GW_MALFORMED_REQUEST';
  override readonly status = 400;
  override readonly title = 'Malformed request';
}

/** The request is for a host that this gateway does not serve. */
export class MisdirectedRequestError extends RookeryError {
  override readonly code = 'RKY_GW_MISDIRECTED';
  override readonly status = 421;
  override readonly title = 'Misdirected request';

  constructor() {
    super('this gateway does not serve that host');
  }
}

/** The method is never forwarded. */
export class MethodNotAllowedError extends RookeryError {
  override readonly code = 'RKY_GW_METHOD_NOT_ALLOWED';
  override readonly status = 405;
  override readonly title = 'Method not allowed';

  constructor(method: string) {
    super(`${method} is not forwarded`);
  }
}

/** The address of the request is too long. */
export class UrlTooLongError extends RookeryError {
  override readonly code = 'RKY_GW_URL_TOO_LONG';
  override readonly status = 414;
  override readonly title = 'URL too long';

  constructor(limit: number) {
    super(`the URL is longer than ${limit} bytes`, { details: { limit } });
  }
}

/** The header block is too long, or has too many fields. */
export class HeadersTooLargeError extends RookeryError {
  override readonly code = 'RKY_GW_HEADERS_TOO_LARGE';
  override readonly status = 431;
  override readonly title = 'Headers too large';

  constructor() {
    super('the headers are larger than this gateway takes');
  }
}

/** The body is longer than the route takes. */
export class BodyTooLargeError extends RookeryError {
  override readonly code = 'RKY_GW_BODY_TOO_LARGE';
  override readonly status = 413;
  override readonly title = 'Body too large';

  constructor(limit: number) {
    super(`the body is longer than ${limit} bytes`, { details: { limit } });
  }
}

/** The request did not arrive in time. */
export class RequestTimeoutError extends RookeryError {
  override readonly code = 'RKY_GW_REQUEST_TIMEOUT';
  override readonly status = 408;
  override readonly title = 'Request timed out';

  constructor() {
    super('the request did not arrive in time');
  }
}

/** No route takes the request. */
export class NoRouteError extends RookeryError {
  override readonly code = 'RKY_GW_NO_ROUTE';
  override readonly status = 404;
  override readonly title = 'No such route';

  constructor() {
    super('no route takes this request');
  }
}

/** The upstream did not begin to answer in time. */
export class UpstreamTimeoutError extends RookeryError {
  override readonly code = 'RKY_GW_UPSTREAM_TIMEOUT';
  override readonly status = 504;
  override readonly title = 'Upstream timed out';
  override readonly retryable = true;

  constructor(upstream: string, timeoutMs: number, cause?: unknown) {
    super(`${upstream} did not answer within ${timeoutMs} ms`, { cause });
  }
}

/** No connection to the upstream could be made. */
export class UpstreamUnreachableError extends RookeryError {
  override readonly code = 'RKY_GW_UPSTREAM_UNREACHABLE';
  override readonly status = 503;
  override readonly title = 'Upstream unreachable';
  override readonly retryable = true;
  /** Response headers that go with this error. */
  readonly headers = RETRY_SOON;

  constructor(upstream: string, cause?: unknown) {
    super(`${upstream} cannot be reached`, { cause });
  }
}

/** As many requests as may wait for the upstream do so already. */
export class UpstreamBusyError extends RookeryError {
  override readonly code = 'RKY_GW_UPSTREAM_BUSY';
  override readonly status = 503;
  override readonly title = 'Upstream busy';
  override readonly retryable = true;
  /** Response headers that go with this error. */
  readonly headers = RETRY_SOON;

  constructor(upstream: string) {
    super(`too many requests wait for ${upstream}`);
  }
}

/** The upstream broke off, or answered what is no HTTP. */
export class UpstreamFailedError extends RookeryError {
  override readonly code = 'RKY_GW_UPSTREAM_FAILED';
  override readonly status = 502;
  override readonly title = 'Upstream failed';
  override readonly retryable = true;

  constructor(upstream: string, cause?: unknown) {
    super(`${upstream} gave no valid answer`, { cause });
  }
}
