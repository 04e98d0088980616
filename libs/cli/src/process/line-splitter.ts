import { StringDecoder } from 'node:string_decoder';

/** Longest line kept whole; a longer one is cut into several. */
const MAX_LINE = 64 * 1024;

/** Cuts a stream of bytes into lines. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  constructor(private readonly onLine: (line: string) => void) {}

  /** Takes the next bytes. */
  write(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n');
    this.#rest = lines.pop() ?? '';
    lines.forEach((line) => this.#emit(line));
    if (this.#rest.length >= MAX_LINE) this.end();
  }

  /** Passes on what came after the last line end. */
  end(): void {
    const rest = this.#rest;
    this.#rest = '';
    this.#emit(rest);
  }

  #emit(line: string): void {
    const text = line.trimEnd();
    if (text !== '') this.onLine(text);
  }
}
