import { MalformedMessage } from '../wire/wire-reader.js';

const LENGTH_BYTES = 4;

/** Cuts a byte stream into the protocol's frames: a 32-bit length, then that many bytes. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #size = 0;
  #wanted = LENGTH_BYTES;

  /** @param maxBytes largest frame that is let in, from the next one on */
  constructor(public maxBytes: number) {}

  /**
   * The frames that are complete with `chunk`.
   *
   * @throws MalformedMessage when a frame is announced that is too large or negative
   */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const frames: Buffer[] = [];
    // Chunks are joined only when a frame is complete, so that a large one is copied once.
    while (this.#size >= this.#wanted) {
      const bytes = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : this.#join();
      const length = bytes.readInt32BE(0);
      if (length < 0 || length > this.maxBytes) {
        throw new MalformedMessage(
          `request of ${length} bytes exceeds the limit of ${this.maxBytes}`,
        );
      }
      this.#wanted = LENGTH_BYTES + length;
      if (this.#size < this.#wanted) {
        this.#chunks = [bytes];
        break;
      }
      frames.push(bytes.subarray(LENGTH_BYTES, this.#wanted));
      const rest = bytes.subarray(this.#wanted);
      this.#chunks = rest.length === 0 ? [] : [rest];
      this.#size = rest.length;
      this.#wanted = LENGTH_BYTES;
    }
    return frames;
  }

  #join(): Buffer {
    const joined = Buffer.concat(this.#chunks, this.#size);
    this.#chunks = [joined];
    return joined;
  }
}
