import { isRookeryError } from '@rookery/core';

/** What stands in a log line instead of a secret. */
export const REDACTED = '[redacted]';

const MAX_DEPTH = 6;
const MAX_ENTRIES = 100;
const MAX_TEXT = 16_384;
const MAX_CAUSES = 4;
const MAX_KNOWN_KEYS = 2_000;

const SECRET_WORDS =
  'authorization|proxy-?authorization|cookie|set-?cookie|pass(?:word|wd|phrase)|secret|token|card|card-?number|cvv|cvc|api-?key|private-?key|credentials?';
const SECRET_KEY = new RegExp(
  `^(?:.*(?:password|passwd|secret|token)|${SECRET_WORDS.replaceAll('-?', '')})$`,
);

const verdicts = new Map<string, boolean>();

/** Whether a field of that name holds a secret: `password`, `clientSecret`, `set-cookie`, ... */
export function isSecretKey(key: string): boolean {
  const known = verdicts.get(key);
  if (known !== undefined) return known;
  const verdict = SECRET_KEY.test(key.replace(/[-_.]/g, '').toLowerCase());
  if (verdicts.size < MAX_KNOWN_KEYS) verdicts.set(key, verdict);
  return verdict;
}

/**
 * A copy of `value` fit for a log: secrets replaced by name at any depth, errors reduced to what a
 * reader needs, and size bounded, because a log line is not the place for a whole request.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') {
    return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}...` : value;
  }
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return describeError(value);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= MAX_DEPTH) return Array.isArray(value) ? '[array]' : '[object]';
  if (Array.isArray(value)) {
    const items: unknown[] = value.slice(0, MAX_ENTRIES).map((item) => redact(item, depth + 1));
    if (value.length > MAX_ENTRIES) items.push(`[${value.length - MAX_ENTRIES} more]`);
    return items;
  }
  if (hasToJSON(value)) {
    const json = value.toJSON();
    return json === value ? '[object]' : redact(json, depth + 1);
  }
  return redactFields(value, depth);
}

/** {@link redact} for the fields of an object. */
export function redactFields(fields: object, depth = 0): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  let entries = 0;
  for (const key in fields) {
    if (!Object.hasOwn(fields, key)) continue;
    if (++entries > MAX_ENTRIES) break;
    const value = (fields as Record<string, unknown>)[key];
    const secret = value !== undefined && value !== null && isSecretKey(key);
    result[key] = secret ? REDACTED : redact(value, depth + 1);
  }
  return result;
}

/**
 * An error as it is logged: type, message, stack, code and the chain of causes. Other properties
 * stay out: clients and drivers hang whole requests, headers included, onto their errors.
 */
export function describeError(error: unknown, causes = 0): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as { code?: unknown };
  const described: Record<string, unknown> = {
    type: error.name,
    message: error.message,
    stack: error.stack,
  };
  if (typeof code === 'string' || typeof code === 'number') described['code'] = code;
  if (isRookeryError(error) && error.details !== undefined) {
    described['details'] = redactFields(error.details, 1);
  }
  if (causes < MAX_CAUSES) {
    if (error.cause !== undefined) {
      described['cause'] =
        error.cause instanceof Error
          ? describeError(error.cause, causes + 1)
          : redact(error.cause, 2);
    }
    if (error instanceof AggregateError) {
      described['errors'] = error.errors
        .slice(0, 5)
        .map((inner) => describeError(inner, causes + 1));
    }
  }
  return described;
}

function hasToJSON(value: object): value is { toJSON(): unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function';
}

const SUSPICIOUS = new RegExp(`eyJ|bearer |basic |://|${SECRET_WORDS}`, 'i');
// Every repetition below is bounded: what is logged may come from an attacker.
const SECRET_NAME = `(?:[\\w.-]{0,32}(?:password|passwd|secret|token)|${SECRET_WORDS})`;
/** A field of the line itself, such as a binding of a child logger. */
const FIELD = new RegExp(`(?<!\\\\)"(${SECRET_NAME})":\\s*(?:"(?:[^"\\\\]|\\\\.)*"|[\\d.]+)`, 'gi');
/** A field of JSON inside a string: its quotes are escaped, once or more. */
const INNER_FIELD = new RegExp(
  `(\\\\{1,15})"(${SECRET_NAME})\\1":\\s*(?:\\1".{0,4096}?(?<!\\\\)\\1"|[\\d.]+)`,
  'gi',
);
const ASSIGNED = new RegExp(`\\b(${SECRET_NAME})=[^\\s&"',;\\\\]+`, 'gi');
const JWT = /\beyJ[\w-]{8,2048}\.[\w-]{8,4096}\.[\w-]*/g;
const BEARER = /\b(bearer)\s+[\w.~+/-]{12,}=*/gi;
const BASIC = /\b(basic)\s+(?=[^\s"]*[\d=])[A-Za-z0-9+/]{8,}={0,2}/gi;
const URL_USER = /([a-z][a-z0-9+.-]{0,15}:\/\/[^\s:/@"\\]{0,256}):[^\s@/"\\]{1,256}@/gi;

/**
 * Takes secrets out of text by their shape: tokens, `Bearer` and `Basic` credentials, passwords in
 * URLs, `password=...`, and secret fields of JSON inside a string. The last net, under
 * {@link redact}, for what was put into a message.
 */
export function scrub(text: string): string {
  if (!SUSPICIOUS.test(text)) return text;
  return text
    .replace(FIELD, `"$1":"${REDACTED}"`)
    .replace(INNER_FIELD, `$1"$2$1":$1"${REDACTED}$1"`)
    .replace(JWT, REDACTED)
    .replace(BEARER, `$1 ${REDACTED}`)
    .replace(BASIC, `$1 ${REDACTED}`)
    .replace(URL_USER, `$1:${REDACTED}@`)
    .replace(ASSIGNED, `$1=${REDACTED}`);
}
