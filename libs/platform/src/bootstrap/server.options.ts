import { durationOption } from '@rookery/core';
import { z } from 'zod';

const MIB = 1_048_576;

/** The configuration namespace `server`. */
export const ServerConfig = z.strictObject({
  /** 0 takes a free port. */
  port: z.coerce.number().int().min(0).max(65_535).default(0),
  /** Address to listen on: loopback in development, all interfaces otherwise. */
  host: z.string().optional(),
  /** Largest request body, in bytes. */
  bodyLimit: z.coerce.number().int().min(1).default(MIB),
  /** Time for a whole request to arrive; slow senders end in 408. */
  requestTimeout: durationOption().default(30_000),
  /** Time for the headers to arrive. */
  headersTimeout: durationOption().default(10_000),
  /** How long an idle connection is kept: longer than the clients keep theirs. */
  keepAliveTimeout: durationOption().default(65_000),
  /** Connections at once; further ones are refused. */
  maxConnections: z.coerce.number().int().min(1).default(10_000),
  /** How long to keep serving after saying that we leave, so that callers notice. */
  drainDelay: durationOption().optional(),
  /** Time for the whole shutdown. */
  shutdownDeadline: durationOption().default(25_000),
});
