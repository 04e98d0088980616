import { Transform, type TransformCallback } from 'node:stream';
import { BodyTooLargeError } from '../gateway.errors.js';

/** Passes a body on until it has become too long, then fails. */
export class LimitedBody extends Transform {
  #bytes = 0;

  constructor(private readonly limit: number) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.limit) done(new BodyTooLargeError(this.limit));
    else done(null, chunk);
  }
}
