import { durationOption } from '@rookery/core';
import { z } from 'zod';

/** Configuration namespace `authServer`: how this issuer issues. */
export const authServerSchema = z.strictObject({
  /** JSON file with clients and users to create or update at start. */
  seedFile: z.string().min(1).optional(),
  /** API scopes besides those that the clients name; a client with the scope `*` gets them all. */
  scopes: z.array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/)).default([]),
  /** Encrypts the signing keys in the database. Needed in production. */
  secret: z.string().min(32).optional(),
  /** Life of access tokens. They cannot be recalled, so keep it short. */
  accessTokenTtl: durationOption().default(300_000),
  /** Life of a chain of refresh tokens, however often it is renewed. */
  refreshTokenTtl: durationOption().default(14 * 86_400_000),
  /** How long a browser stays signed in. */
  sessionTtl: durationOption().default(8 * 3_600_000),
  /** Time to sign in and consent. */
  interactionTtl: durationOption().default(600_000),
  /** How often what has expired is removed from the database. */
  cleanUpEvery: durationOption().default(300_000),
});

/** Values of the namespace `authServer`. */
export type AuthServerOptions = z.output<typeof authServerSchema>;
