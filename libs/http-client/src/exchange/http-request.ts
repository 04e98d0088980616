import type { z } from 'zod';

/** Whose token a request carries. */
export type ClientAuth = 'service' | 'relay' | 'none';

/** A request to a service, not yet to an instance of it. */
export interface HttpRequest {
  readonly serviceId: string;
  readonly method: string;
  /** Path with its parameters filled in and its query. */
  readonly path: string;
  /** Path as it was declared, for metrics and messages: `/stock/:sku`. */
  readonly template: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly auth: ClientAuth;
  /** Aborts when the attempt that a policy on the method guards is given up. */
  readonly signal?: AbortSignal | undefined;
  /** What the answer must look like. */
  readonly returns?: z.ZodType | undefined;
}
