import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LineSplitter } from '../process/line-splitter.js';

const bin = fileURLToPath(new URL('../../bin/rookery.js', import.meta.url));

/** One line of JSON that the CLI wrote. */
export type Line = Readonly<Record<string, unknown>> & {
  readonly service?: string;
  readonly msg?: string;
};

/** The CLI as a process, and what it says. */
export class CliProcess {
  readonly lines: Line[] = [];
  /** What it wrote to standard error. */
  errors = '';
  #raw = '';
  /** Resolves with the exit code, or the signal, at the end. */
  readonly exit: Promise<number | NodeJS.Signals | null>;
  readonly #waiting = new Set<() => void>();

  private constructor(readonly child: ChildProcess) {
    const splitter = new LineSplitter((text) => {
      this.lines.push(/^\{.+\}$/.test(text) ? (JSON.parse(text) as Line) : { msg: text });
      this.#waiting.forEach((check) => check());
    });
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#raw += chunk.toString();
      splitter.write(chunk);
    });
    child.stderr?.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    this.exit = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        splitter.end();
        resolve(code ?? signal);
        this.#waiting.forEach((check) => check());
      });
    });
  }

  static start(root: string, ...argv: string[]): CliProcess {
    const { KAFKA_BROKERS: _, DATABASE_URL: __, ...env } = process.env;
    return new CliProcess(
      spawn(process.execPath, [bin, ...argv], {
        cwd: root,
        env: { ...env, NO_COLOR: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
  }

  /** Runs a command to its end. */
  static async run(root: string, ...argv: string[]): Promise<{ code: unknown; cli: CliProcess }> {
    const cli = CliProcess.start(root, ...argv);
    return { code: await cli.exit, cli };
  }

  /** The first line, from `after` on, that is like this. Rejects when the process ends without. */
  line(matches: (line: Line) => boolean, after = 0): Promise<Line> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const found = this.lines.slice(after).find(matches);
        if (found === undefined && this.child.exitCode === null && this.child.signalCode === null) {
          return;
        }
        this.#waiting.delete(check);
        if (found !== undefined) resolve(found);
        else reject(new Error(`ended without that line:\n${this.said()}`));
      };
      this.#waiting.add(check);
      check();
    });
  }

  /** Resolves once all is ready. */
  ready(): Promise<Line> {
    return this.line(({ msg }) => msg?.startsWith('all ready in') ?? false);
  }

  /** Where a service first said something, to compare orders. */
  indexOf(service: string, msg: string): number {
    return this.lines.findIndex((line) => line.service === service && line.msg === msg);
  }

  /** All that it wrote to standard output. */
  text(): string {
    return this.#raw;
  }

  said(): string {
    return `${this.lines.map((line) => JSON.stringify(line)).join('\n')}\n${this.errors}`;
  }
}
