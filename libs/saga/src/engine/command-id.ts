import { createHash } from 'node:crypto';

/** What a command is for: doing a step, or undoing it. */
export type Direction = 'forward' | 'compensation';

/**
 * The id of a saga: the same for the same business object, so that a second start of it finds the
 * first. UUID version 8 (RFC 9562, section 5.8) of a hash.
 */
export function sagaId(saga: string, key: string): string {
  return uuidOf(['saga', saga, key]);
}

/**
 * The id of a step's command: the same whenever it is sent again, so that participants that did
 * it already take no notice.
 */
export function commandId(saga: string, step: string, direction: Direction, epoch: number): string {
  return uuidOf([saga, step, direction, String(epoch)]);
}

function uuidOf(parts: readonly string[]): string {
  const bytes = createHash('sha256').update(JSON.stringify(parts)).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}
