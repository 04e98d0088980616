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

function headersOf(headers: KafkaMessage['headers']): IncomingRecord['headers'] {
  const result: Record<string, Buffer | readonly Buffer[]> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    result[name] = Array.isArray(value) ? value.map(bytesOf) : bytesOf(value);
  }
  return result;
}

/** Others may write a header without a value. */
function bytesOf(value: unknown): Buffer {
  return Buffer.from((value ?? '') as Buffer);
}
