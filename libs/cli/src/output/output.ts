import pc from 'picocolors';
import { parseRecord, prettyLine } from './pretty-line.js';
import { table, type Row } from './table.js';

/** How lines are written: for eyes, or one JSON object a line. */
export type LogFormat = 'pretty' | 'json';

/** How grave an event is. */
export type EventLevel = 'info' | 'warn' | 'error';

/** Where lines go. */
export interface LineSink {
  /** False when the reader is slow, and nothing more should come until `drain`. */
  write(text: string): boolean;
  once(event: 'drain', listener: () => void): unknown;
}

/**
 * What `rookery` writes: the apps' lines and its own. When the reader is slower than the apps,
 * {@link onFull} and {@link onDrained} let the caller hold the apps' output back.
 */
export class Output {
  #full = false;
  /** Called when the reader does not keep up. */
  onFull: () => void = () => undefined;
  /** Called when it has caught up. */
  onDrained: () => void = () => undefined;

  constructor(
    readonly format: LogFormat,
    private readonly sink: LineSink = process.stdout,
  ) {}

  /** A line that a process wrote. */
  line(source: string, line: string): void {
    if (this.format === 'pretty') this.#write(prettyLine(source, line));
    else if (parseRecord(line) !== undefined) this.#write(line);
    else this.#json('info', source, line, {});
  }

  /** Something that happened to the run; `fields` are for the machine, the text says it all. */
  event(level: EventLevel, text: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (this.format === 'json') this.#json(level, 'rookery', text, fields);
    else this.#write(prettyLine('rookery', JSON.stringify({ time: Date.now(), level, msg: text })));
  }

  /** The last lines of a process that crashed. */
  quote(lines: readonly string[]): void {
    if (this.format === 'json') return;
    for (const line of lines) {
      const { level, msg } = parseRecord(line) ?? {};
      const text = typeof msg === 'string' ? `${String(level)} ${msg}` : line;
      this.#write(pc.dim(`    | ${text}`));
    }
  }

  /** The state of all processes, and what to do next; as JSON it is one event. */
  summary(text: string, rows: readonly Row[], links: Readonly<Record<string, string>>): void {
    if (this.format === 'json') {
      this.#json('info', 'rookery', text, { processes: rows, ...links });
      return;
    }
    const width = Math.max(...Object.keys(links).map((key) => key.length), 0);
    const lines = Object.entries(links).map(
      ([key, value]) => `  ${pc.bold(key.padEnd(width))}  ${value}`,
    );
    this.#write(['', table(rows), '', ...lines, '', `  ${pc.bold(text)}`, ''].join('\n'));
  }

  #json(level: EventLevel, service: string, msg: string, fields: object): void {
    this.#write(JSON.stringify({ time: new Date().toISOString(), level, service, msg, ...fields }));
  }

  #write(text: string): void {
    if (this.sink.write(`${text}\n`) || this.#full) return;
    this.#full = true;
    this.onFull();
    this.sink.once('drain', () => {
      this.#full = false;
      this.onDrained();
    });
  }
}
