import { copyBack, LARGEST_UNPACKED } from './snappy.js';

const MAGIC = 0x184d2204;
const UNCOMPRESSED = 0x8000_0000;
const MIN_MATCH = 4;
/** Of each block, by the number in the frame's descriptor. */
const BLOCK_SIZES: Record<number, number> = { 4: 65_536, 5: 262_144, 6: 1_048_576, 7: 4_194_304 };
/** What a block may refer back to when blocks depend on each other. */
const WINDOW = 65_536;

/**
 * Unpacks an LZ4 frame (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md). Checksums are
 * not looked at: the record batch around it has one of its own.
 *
 * @throws RangeError when the bytes are no such thing
 */
export function lz4Decompress(bytes: Buffer): Buffer {
  if (bytes.readUInt32LE(0) !== MAGIC) throw new RangeError('lz4: not a frame');
  const flags = bytes.readUInt8(4);
  const independent = (flags & 0x20) !== 0;
  const blockChecksum = (flags & 0x10) !== 0;
  const hasSize = (flags & 0x08) !== 0;
  const hasDictionary = (flags & 0x01) !== 0;
  const largest = BLOCK_SIZES[(bytes.readUInt8(5) >> 4) & 7];
  if (largest === undefined) throw new RangeError('lz4: unknown block size');
  let at = 6 + (hasSize ? 8 : 0) + (hasDictionary ? 4 : 0) + 1;
  const blocks: Buffer[] = [];
  let total = 0;
  let before: Buffer = Buffer.alloc(0);
  for (;;) {
    const head = bytes.readUInt32LE(at);
    at += 4;
    if (head === 0) return Buffer.concat(blocks);
    const size = head >= UNCOMPRESSED ? head - UNCOMPRESSED : head;
    if (at + size > bytes.length) throw new RangeError('lz4: too short');
    const packed = bytes.subarray(at, at + size);
    const unpacked = head >= UNCOMPRESSED ? packed : block(packed, before, largest);
    at += size + (blockChecksum ? 4 : 0);
    total += unpacked.length;
    if (total > LARGEST_UNPACKED) throw new RangeError('lz4: unpacks to too much');
    blocks.push(unpacked);
    if (!independent) before = Buffer.concat([before, unpacked]).subarray(-WINDOW);
  }
}

function block(bytes: Buffer, before: Buffer, largest: number): Buffer {
  const out = Buffer.allocUnsafe(before.length + largest);
  before.copy(out);
  let to = before.length;
  let at = 0;
  const length = (short: number): number => {
    let total = short;
    if (short < 15) return total;
    for (let byte = 255; byte === 255;) {
      byte = bytes.readUInt8(at++);
      total += byte;
    }
    return total;
  };
  while (at < bytes.length) {
    const token = bytes.readUInt8(at++);
    const literals = length(token >> 4);
    if (at + literals > bytes.length || to + literals > out.length) {
      throw new RangeError('lz4: too short');
    }
    bytes.copy(out, to, at, at + literals);
    at += literals;
    to += literals;
    // The last sequence has literals only.
    if (at >= bytes.length) break;
    const back = bytes.readUInt16LE(at);
    at += 2;
    const size = length(token & 15) + MIN_MATCH;
    copyBack(out, to, back, size);
    to += size;
  }
  // Not a view: that would keep all that was set aside.
  return Buffer.from(out.subarray(before.length, to));
}
