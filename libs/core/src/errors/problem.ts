import { isRookeryError } from './rookery-error.js';

/** An RFC 9457 problem document, as every HTTP error of the platform is sent. */
export interface Problem {
  /** `urn:rookery:problem:<code>`, stable per error class. */
  type: string;
  title: string;
  status: number;
  detail: string;
  /** The stable error code. */
  code: string;
  /** Ties the answer to its trace and log lines. */
  traceId?: string;
  /** Fields of the request that are wrong, with why. */
  errors?: readonly { field: string; message: string }[];
  [extension: string]: unknown;
}

/** Media type of a {@link Problem} (RFC 9457, section 3). */
export const PROBLEM_JSON = 'application/problem+json';

/** Builds a {@link Problem} from its parts. */
export function problem(
  status: number,
  code: string,
  title: string,
  detail: string,
  extensions: Readonly<Record<string, unknown>> = {},
): Problem {
  return { type: `urn:rookery:problem:${code}`, title, status, detail, code, ...extensions };
}

/**
 * The problem document for any thrown value. A {@link RookeryError} speaks for itself below 500 and
 * for 503/504; of anything else a client learns nothing but that it failed, because messages of
 * unknown errors carry SQL, paths and secrets.
 */
export function problemOf(error: unknown, traceId?: string): Problem {
  const trace = traceId === undefined ? {} : { traceId };
  if (!isRookeryError(error)) {
    return problem(500, 'RKY_INTERNAL', 'Internal error', 'The request failed.', trace);
  }
  const status = error.answerStatus ?? error.status;
  const safe = status !== 500;
  return problem(status, error.code, error.title, safe ? error.message : 'The request failed.', {
    ...(safe ? error.details : {}),
    ...trace,
  });
}
