import { createHash, timingSafeEqual } from 'node:crypto';
import { RookeryError } from '@rookery/core';

/** The request does not carry the expected user and password; the challenge is in `headers`. */
export class BasicAuthError extends RookeryError {
  override readonly code = 'RKY_SEC_BASIC_AUTH';
  override readonly status = 401;
  override readonly title = 'Unauthorized';
  /** Response headers that go with this error. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(realm: string) {
    super('a valid user and password are needed');
    this.headers = { 'www-authenticate': `Basic realm="${realm}", charset="UTF-8"` };
  }
}

/** User and password that an `Authorization` header must carry (RFC 7617). */
export interface BasicCredentials {
  readonly username: string;
  readonly password: string;
}

/** Longer headers are refused unread: no password is this long. */
const MAX_HEADER = 1_024;

/** Whether a header carries the credentials. Takes the same time whatever is wrong with them. */
export function matchesBasicAuth(
  header: string | undefined,
  { username, password }: BasicCredentials,
): boolean {
  if (header === undefined || header.length > MAX_HEADER) return false;
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header)?.[1];
  if (encoded === undefined) return false;
  // Digests have one length, so that comparing them tells nothing of the secret's.
  const digest = (value: string | Buffer): Buffer => createHash('sha256').update(value).digest();
  const expected = digest(`${username}:${password}`);
  return timingSafeEqual(digest(Buffer.from(encoded, 'base64')), expected);
}
