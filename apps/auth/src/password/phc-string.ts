/** A password hash with all that is needed to check it, as in the PHC string format. */
export interface PhcHash {
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

const PATTERN =
  /^\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

/** `$argon2id$v=19$m=..,t=..,p=..$salt$hash`, base64 without padding. */
export function formatPhc({ memoryKib, passes, parallelism, salt, hash }: PhcHash): string {
  const encode = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${encode(salt)}$${encode(hash)}`;
}

/** @throws Error when the text is no argon2id hash in PHC format */
export function parsePhc(text: string): PhcHash {
  const match = PATTERN.exec(text);
  if (match === null) throw new Error('not an argon2id hash in PHC format');
  const [, memory, passes, parallelism, salt, hash] = match as unknown as string[];
  return {
    memoryKib: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt!, 'base64'),
    hash: Buffer.from(hash!, 'base64'),
  };
}
