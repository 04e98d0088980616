import { durationOption } from '@rookery/core';
import { z } from 'zod';

const url = z.url({ protocol: /^https?$/, error: 'expected an http or https URL' });

/** Configuration namespace `auth`: who issues tokens, and who this service is to the issuer. */
export const authSchema = z.strictObject({
  /** Issuer identifier, exactly as in `iss`. In development the auth app of the workspace. */
  issuer: url.optional(),
  /** What tokens for this platform name in `aud`. */
  audience: z.string().min(1).default('urn:rookery:api'),
  /** Accepted signature algorithms. Symmetric ones cannot be allowed. */
  algorithms: z
    .array(z.string().regex(/^(?:ES|RS|PS)(?:256|384|512)$|^EdDSA$/, 'expected an asymmetric one'))
    .min(1)
    .default(['ES256', 'RS256', 'PS256', 'EdDSA']),
  /** This service as an OAuth client, for its own tokens. */
  clientId: z.string().min(1).optional(),
  clientSecret: z.string().min(1).optional(),
  /** Time for one request to the issuer. */
  timeout: durationOption().default(5_000),
  /** Age at which keys are fetched again. */
  keysMaxAge: durationOption().default(600_000),
  /** How much longer keys are used while the issuer does not answer. */
  staleIfError: durationOption().default(86_400_000),
  /** Verified tokens remembered until they expire. */
  cacheSize: z.int().min(0).max(1_000_000).default(2_000),
});

/** Values of the namespace `auth`. */
export type AuthOptions = z.output<typeof authSchema>;

/** Where the auth app listens on a developer's machine. */
export const DEVELOPMENT_ISSUER = 'http://127.0.0.1:9000';
