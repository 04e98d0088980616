import { networkInterfaces } from 'node:os';

const ANY: ReadonlySet<string> = new Set(['0.0.0.0', '::', '[::]', '']);

/**
 * The address others reach this machine at, when the service listens on all of them: the first
 * that is not internal, IPv4 before IPv6.
 */
export function advertisedHost(listening: string, interfaces = networkInterfaces()): string {
  const host = listening.replace(/^\[|\]$/g, '');
  if (!ANY.has(host)) return host;
  const outside = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, scopeid }) => !internal && !scopeid);
  const chosen = outside.find(({ family }) => family === 'IPv4') ?? outside[0];
  return chosen?.address ?? '127.0.0.1';
}
