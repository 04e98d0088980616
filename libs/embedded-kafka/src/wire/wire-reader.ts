/** Bytes that do not follow the protocol; the connection that sent them is closed. */
export class MalformedMessage extends Error {}

/** Largest varint that fits 32 bits takes five bytes of seven bits each. */
const MAX_VARINT_BYTES = 5;

/** Reads the protocol's primitive types from one frame. */
export class WireReader {
  #at = 0;

  constructor(private readonly bytes: Buffer) {}

  /** Bytes not read yet. */
  get remaining(): number {
    return this.bytes.length - this.#at;
  }

  int8(): number {
    return this.bytes.readInt8(this.#advance(1));
  }

  int16(): number {
    return this.bytes.readInt16BE(this.#advance(2));
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#advance(4));
  }

  /** As a number: offsets, timestamps and ids of this broker stay far below 2^53. */
  int64(): number {
    const at = this.#advance(8);
    return this.bytes.readInt32BE(at) * 4_294_967_296 + this.bytes.readUInt32BE(at + 4);
  }

  uvarint(): number {
    let value = 0;
    for (let count = 0; count < MAX_VARINT_BYTES; count++) {
      const byte = this.bytes.readUInt8(this.#advance(1));
      value += (byte & 0x7f) * 2 ** (7 * count);
      if (byte < 0x80) return value;
    }
    throw new MalformedMessage('varint longer than 32 bits');
  }

  /** The next bytes as a view on the frame: valid as long as the frame, and keeps it alive. */
  view(length: number): Buffer {
    const at = this.#advance(length);
    return this.bytes.subarray(at, at + length);
  }

  text(length: number): string {
    const at = this.#advance(length);
    return this.bytes.toString('utf8', at, at + length);
  }

  #advance(length: number): number {
    const at = this.#at;
    if (length < 0 || at + length > this.bytes.length) {
      throw new MalformedMessage(`message ends within a field of ${length} bytes`);
    }
    this.#at = at + length;
    return at;
  }
}
