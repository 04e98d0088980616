import { isIPv4, isIPv6 } from 'node:net';
import { InvalidInstanceError } from '../discovery-server.errors.js';

const MAX_TEXT = 2_048;
const MAX_METADATA = 64;
const APPLICATION = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const INSTANCE = /^[A-Za-z0-9][A-Za-z0-9._:@-]{0,254}$/;
const HOST =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9_-]{0,62})?(\.[A-Za-z0-9]([A-Za-z0-9_-]{0,62})?)*$/;
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * A text of a registration; everything that others may print, log or put into headers.
 *
 * @throws InvalidInstanceError when it is long or holds control characters
 */
export function text(value: unknown, field: string): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
    throw new InvalidInstanceError(`${field}: expected a text`);
  }
  const found = String(value);
  // Control characters would split log lines and headers.
  // oxlint-disable-next-line no-control-regex
  if (found.length > MAX_TEXT || /[\u0000-\u001f\u007f]/.test(found)) {
    throw new InvalidInstanceError(`${field}: expected up to ${MAX_TEXT} printable characters`);
  }
  return found;
}

/** @throws InvalidInstanceError when it is a path, too long, or not in ASCII */
export function applicationName(value: string): string {
  if (!APPLICATION.test(value) || value.includes('..')) {
    throw new InvalidInstanceError('app: expected up to 100 of A-Z a-z 0-9 . _ -');
  }
  return value.toUpperCase();
}

/** @throws InvalidInstanceError when it is a path, too long, or not in ASCII */
export function instanceName(value: string): string {
  if (!INSTANCE.test(value) || value.includes('..')) {
    throw new InvalidInstanceError('instanceId: expected up to 255 of A-Z a-z 0-9 . _ : @ -');
  }
  return value;
}

/**
 * A host name or address that others will call. Refuses what would make them call something else:
 * cloud metadata services on link-local addresses, wildcards, broadcasts.
 *
 * @throws InvalidInstanceError
 */
export function address(value: string, field: string): string {
  if (isIPv4(value)) {
    const [first = 0, second = 0] = value.split('.').map(Number);
    const isCallable = first !== 0 && first < 224 && !(first === 169 && second === 254);
    if (isCallable) return value;
  } else if (isIPv6(value)) {
    const isLinkLocal = /^fe[89ab]/i.test(value);
    const isUnspecifiedOrMapped = /^[0:]+$/.test(value) || /^::ffff:/i.test(value);
    if (!isLinkLocal && !isUnspecifiedOrMapped && !/^ff/i.test(value)) return value;
  } else if (HOST.test(value) && !/^[\d.]+$/.test(value)) {
    return value;
  }
  throw new InvalidInstanceError(`${field}: not an address that others may call`);
}

/** @throws InvalidInstanceError when there is too much of it */
export function metadataOf(value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new InvalidInstanceError('metadata: expected a map of texts');
  }
  const entries = Object.entries(value).filter(([key]) => key !== '@class');
  if (entries.length > MAX_METADATA) {
    throw new InvalidInstanceError(`metadata: expected up to ${MAX_METADATA} keys`);
  }
  return Object.fromEntries(
    entries.map(([key, item]) => {
      if (FORBIDDEN_KEYS.has(key) || key.length > 200 || !/^[\x21-\x7e]+$/.test(key)) {
        throw new InvalidInstanceError('metadata: a key is not allowed');
      }
      return [key, text(item, `metadata.${key}`) ?? ''];
    }),
  );
}
