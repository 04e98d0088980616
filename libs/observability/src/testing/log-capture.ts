import type { DestinationStream } from 'pino';

/** A destination of a logger that keeps the lines, for tests. */
export class LogCapture implements DestinationStream {
  /** What was written, as text. */
  text = '';

  write(text: string): void {
    this.text += text;
  }

  /** The lines, parsed; a line that is no JSON object fails the test that reads it. */
  get lines(): Record<string, unknown>[] {
    return this.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** The lines with that message. */
  saying(msg: string): Record<string, unknown>[] {
    return this.lines.filter((line) => line['msg'] === msg);
  }
}
