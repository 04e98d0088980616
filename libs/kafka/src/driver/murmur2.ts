const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/**
 * The partition of a key, as Kafka's Java client chooses it (murmur2 by Austin Appleby, public
 * domain; seed and sign handling as in `org.apache.kafka.clients.producer`), so that all clients of
 * a topic agree.
 */
export function partitionOf(key: Buffer, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** murmur2, 32 bits, signed. */
export function murmur2(data: Buffer): number {
  const { length } = data;
  let hash = SEED ^ length;
  const words = length >> 2;
  for (let i = 0; i < words; i += 1) {
    let k = Math.imul(data.readInt32LE(i * 4), M);
    k = Math.imul(k ^ (k >>> 24), M);
    hash = Math.imul(hash, M) ^ k;
  }
  const tail = words * 4;
  const rest = length & 3;
  if (rest === 3) hash ^= (data[tail + 2] ?? 0) << 16;
  if (rest >= 2) hash ^= (data[tail + 1] ?? 0) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ (data[tail] ?? 0), M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}
