import { array, bytes, int16, int64, nullableString, string } from '../../wire/primitives.js';
import { since, struct } from '../../wire/schema.js';
import { defineApi } from '../api.js';

/** Names the mechanism. After version 0 bare tokens follow instead of requests. */
export const saslHandshakeApi = defineApi({
  key: 17,
  name: 'SaslHandshake',
  versions: [0, 1],
  flexibleFrom: Infinity,
  request: struct({ mechanism: string }),
  response: struct({ errorCode: int16, mechanisms: array(string) }),
});

/** One step of the mechanism's exchange (KIP-152). */
export const saslAuthenticateApi = defineApi({
  key: 36,
  name: 'SaslAuthenticate',
  versions: [0, 2],
  flexibleFrom: 2,
  request: struct({ token: bytes }),
  response: struct({
    errorCode: int16,
    errorMessage: nullableString,
    token: bytes,
    sessionLifetimeMs: since(1, int64, 0),
  }),
});
