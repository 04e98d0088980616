import type { KafkaMessage } from 'kafkajs';
import type { IncomingRecord } from '../driver/kafka-driver.js';

/** kafkajs messages as records of the port. */
export function incomingRecords(
  topic: string,
  partition: number,
  messages: readonly KafkaMessage[],
): IncomingRecord[] {
  return messages.map((message) => ({
    topic,
    partition,
    offset: offsetOf(message.offset),
    key: message.key,
    value: message.value,
    headers: headersOf(message.headers),
    timestamp: Number(message.timestamp),
  }));
}

/** Offsets are 64 bits wide on the wire; a partition never gets near the 53 that are exact here. */
function offsetOf(text: string): number {
  const offset = Number(text);
  if (Number.isSafeInteger(offset)) return offset;
  throw new RangeError(`offset ${text} exceeds ${Number.MAX_SAFE_INTEGER}`);
}

/** Headers as they came, which are bytes, and nobody else's: only what is not bytes is replaced. */
function headersOf(headers: KafkaMessage['headers'] = {}): IncomingRecord['headers'] {
  for (const name in headers) {
    const value: unknown = headers[name];
    if (Buffer.isBuffer(value)) continue;
    headers[name] = Array.isArray(value) ? value.map(bytesOf) : bytesOf(value);
  }
  return headers as IncomingRecord['headers'];
}

/** Others may write a header without a value. */
function bytesOf(value: unknown): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from((value ?? '') as string);
}
