/** Byte fields from this size on go out as they are instead of being copied into the message. */
const BY_REFERENCE_FROM = 4_096;

/** Writes the protocol's primitive types into a list of buffers. */
export class WireWriter {
  readonly #done: Buffer[] = [];
  #doneBytes = 0;
  #buffer = Buffer.allocUnsafe(512);
  #start = 0;
  #at = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#doneBytes + this.#at - this.#start;
  }

  int8(value: number): void {
    this.#reserve(1);
    this.#at = this.#buffer.writeInt8(value, this.#at);
  }

  int16(value: number): void {
    this.#reserve(2);
    this.#at = this.#buffer.writeInt16BE(value, this.#at);
  }

  int32(value: number): void {
    this.#reserve(4);
    this.#at = this.#buffer.writeInt32BE(value, this.#at);
  }

  int64(value: number): void {
    this.#reserve(8);
    const high = Math.floor(value / 4_294_967_296);
    this.#at = this.#buffer.writeInt32BE(high, this.#at);
    this.#at = this.#buffer.writeUInt32BE(value - high * 4_294_967_296, this.#at);
  }

  uvarint(value: number): void {
    this.#reserve(5);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#at++] = rest;
  }

  text(value: string, byteLength: number): void {
    this.#reserve(byteLength);
    this.#at += this.#buffer.write(value, this.#at, byteLength, 'utf8');
  }

  bytes(value: Buffer): void {
    if (value.length >= BY_REFERENCE_FROM) {
      this.#seal();
      this.#push(value);
      return;
    }
    this.#reserve(value.length);
    this.#at += value.copy(this.#buffer, this.#at);
  }

  /** An empty writer, for a part whose length goes before it. */
  fork(): WireWriter {
    return new WireWriter();
  }

  /** All that was written, in order. */
  finish(): Buffer[] {
    this.#seal();
    return this.#done;
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#buffer.length) return;
    this.#seal();
    this.#buffer = Buffer.allocUnsafe(Math.max(length, Math.min(this.#buffer.length * 2, 65_536)));
    this.#start = 0;
    this.#at = 0;
  }

  #seal(): void {
    if (this.#at > this.#start) this.#push(this.#buffer.subarray(this.#start, this.#at));
    this.#start = this.#at;
  }

  #push(bytes: Buffer): void {
    this.#done.push(bytes);
    this.#doneBytes += bytes.length;
  }
}
