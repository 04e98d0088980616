import { request } from 'node:http';
import { connect } from 'node:net';
import type { Clock } from '@rookery/core';

/** Whether something is ready to be used. Never throws: not ready is the answer to any failure. */
export type Probe = () => Promise<boolean>;

const PROBE_TIMEOUT_MS = 2_000;
const INTERVAL_MS = 80;

/** Ready when the address answers 200. */
export function httpProbe(url: string): Probe {
  return () =>
    new Promise((resolve) => {
      const call = request(url, { agent: false, timeout: PROBE_TIMEOUT_MS }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      });
      call.on('timeout', () => call.destroy());
      call.on('error', () => resolve(false));
      call.end();
    });
}

/** Kafka's ApiVersions request, version 0, correlation 1, client `rookery`. */
const API_VERSIONS = Buffer.from('0000001100120000000000010007726f6f6b657279', 'hex');

/** Ready when a Kafka broker answers there. */
export function kafkaProbe(host: string, port: number): Probe {
  return () =>
    new Promise((resolve) => {
      const socket = connect({ host, port, timeout: PROBE_TIMEOUT_MS });
      const end = (ready: boolean): void => {
        socket.destroy();
        resolve(ready);
      };
      socket.on('connect', () => socket.write(API_VERSIONS));
      // The answer repeats the correlation id after its length; an HTTP server's does not.
      socket.on('data', (data) => end(data.length >= 8 && data.readInt32BE(4) === 1));
      socket.on('timeout', () => end(false));
      socket.on('error', () => end(false));
      socket.on('close', () => resolve(false));
    });
}

/** Asks a probe again and again; resolves true once it is ready, false when `signal` aborts. */
export async function untilReady(
  probe: Probe,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  while (!signal.aborted) {
    if (await probe()) return !signal.aborted;
    await clock.sleep(INTERVAL_MS, signal).catch(() => undefined);
  }
  return false;
}
