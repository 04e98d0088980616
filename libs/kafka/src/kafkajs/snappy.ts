/** First bytes of the framing that Java's snappy library puts around blocks. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER = 16;
/** Most bytes that a batch may unpack to: a few kilobytes could claim gigabytes. */
export const LARGEST_UNPACKED = 67_108_864;

/**
 * Unpacks snappy (https://github.com/google/snappy/blob/main/format_description.txt), also in the
 * framing of snappy-java, which Kafka's own client uses.
 *
 * @throws RangeError when the bytes are no such thing
 */
export function snappyDecompress(bytes: Buffer): Buffer {
  if (!bytes.subarray(0, XERIAL.length).equals(XERIAL)) return block(bytes);
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEADER; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    at += 4;
    blocks.push(block(bytes.subarray(at, at + length)));
    at += length;
  }
  return Buffer.concat(blocks);
}

function block(bytes: Buffer): Buffer {
  let at = 0;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes.readUInt8(at++);
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
    if (shift > 28) throw new RangeError('snappy: length too long');
  }
  if (length > LARGEST_UNPACKED) throw new RangeError('snappy: unpacks to too much');
  const out = Buffer.allocUnsafe(length);
  let to = 0;
  while (at < bytes.length) {
    const tag = bytes.readUInt8(at++);
    if ((tag & 3) === 0) {
      let size = tag >> 2;
      if (size >= 60) {
        const extra = size - 59;
        size = bytes.readUIntLE(at, extra);
        at += extra;
      }
      size += 1;
      if (at + size > bytes.length || to + size > length) throw new RangeError('snappy: too short');
      bytes.copy(out, to, at, at + size);
      at += size;
      to += size;
      continue;
    }
    let size = (tag >> 2) + 1;
    let back: number;
    if ((tag & 3) === 1) {
      size = ((tag >> 2) & 7) + 4;
      back = ((tag & 0xe0) << 3) | bytes.readUInt8(at++);
    } else {
      const width = (tag & 3) === 2 ? 2 : 4;
      back = bytes.readUIntLE(at, width);
      at += width;
    }
    copyBack(out, to, back, size);
    to += size;
  }
  if (to !== length) throw new RangeError('snappy: other length than announced');
  return out;
}

/** Repeats what was written `back` bytes before, byte by byte where it overlaps with itself. */
export function copyBack(out: Buffer, to: number, back: number, size: number): void {
  if (back === 0 || back > to || to + size > out.length) throw new RangeError('copy out of range');
  if (back >= size) {
    out.copy(out, to, to - back, to - back + size);
    return;
  }
  for (let i = 0; i < size; i += 1) out[to + i] = out[to - back + i] ?? 0;
}
