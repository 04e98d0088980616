import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import { InvalidOptionError } from '@rookery/core';
import type { KafkaOptions } from './kafka.options.js';

const PEM = /^-----BEGIN /;

/**
 * The configured TLS as Node takes it; files are read once, at the start.
 *
 * @throws InvalidOptionError when a file cannot be read or holds no PEM text
 */
export async function tlsOptions({
  ssl,
  tls,
}: Pick<KafkaOptions, 'ssl' | 'tls'>): Promise<boolean | ConnectionOptions | undefined> {
  if (tls === undefined) return ssl || undefined;
  const { ca, cert, key, passphrase, serverName, verify } = tls;
  return {
    rejectUnauthorized: verify,
    ...(ca === undefined ? {} : { ca: await pemOf('ca', ca) }),
    ...(cert === undefined ? {} : { cert: await pemOf('cert', cert) }),
    ...(key === undefined ? {} : { key: await pemOf('key', key) }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}

async function pemOf(name: string, value: string): Promise<string> {
  if (PEM.test(value)) return value;
  let text: string;
  try {
    text = await readFile(value, 'utf8');
  } catch (error) {
    const { code } = error as { code?: string };
    throw new InvalidOptionError('kafka', [`tls.${name}: the file cannot be read (${code})`]);
  }
  if (!PEM.test(text)) throw new InvalidOptionError('kafka', [`tls.${name}: expected a PEM text`]);
  return text;
}
