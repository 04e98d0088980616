import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';

const TIMEOUT_MS = 60_000;

/** A record as kcat's `-J` prints it. */
export interface KcatRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly ts: number;
  readonly key: string | null;
  readonly payload: string | null;
  readonly headers?: readonly string[];
}

/** Why kcat, the command line client of librdkafka, cannot be run here, or `undefined` if it can. */
export async function whyNoKcat(): Promise<string | undefined> {
  try {
    await promisify(execFile)('kcat', ['-V']);
    return undefined;
  } catch {
    return 'kcat is not installed';
  }
}

/** kcat on a broker. Every run has a deadline; one that fails throws with what kcat wrote. */
export class Kcat {
  constructor(private readonly brokers: readonly string[]) {}

  /** Produces lines of `key:value`, an empty value being a tombstone. */
  async produce(topic: string, lines: readonly string[], ...options: string[]): Promise<void> {
    await this.#run(['-P', '-t', topic, '-K:', '-Z', ...options], lines.join('\n'));
  }

  /** Reads a topic from its beginning to its end. */
  async consume(topic: string, ...options: string[]): Promise<KcatRecord[]> {
    return records(
      await this.#run(['-C', '-t', topic, '-o', 'beginning', '-e', '-J', '-q', ...options]),
    );
  }

  /** Reads, as a member of a group, what the group has not read, commits and leaves. */
  async consumeAs(group: string, topic: string, ...options: string[]): Promise<KcatRecord[]> {
    const { output, exit } = this.join(group, topic, '-e', ...options);
    await exit;
    return records(output());
  }

  /** A member of a group; it stays until it is ended, or until its options say so. */
  join(group: string, topic: string, ...options: string[]) {
    // Flags come before the mode that takes all remaining arguments as topics.
    return this.#start([
      '-J',
      '-u',
      '-X',
      'auto.offset.reset=earliest',
      ...options,
      '-G',
      group,
      topic,
    ]);
  }

  /** What the broker tells of itself and its topics. */
  async metadata(...options: string[]): Promise<Metadata> {
    return JSON.parse(await this.#run(['-L', '-J', ...options])) as Metadata;
  }

  /** The offset of the first record not older than a time, per partition, as `topic [0] offset 5`. */
  async offsetAt(topic: string, partition: number, timestamp: number): Promise<string> {
    return this.#run(['-Q', '-t', `${topic}:${partition}:${timestamp}`]);
  }

  async #run(args: readonly string[], input = ''): Promise<string> {
    const { output, exit } = this.#start(args, input);
    await exit;
    return output();
  }

  #start(args: readonly string[], input = '') {
    const child = spawn('kcat', ['-b', this.brokers.join(','), ...args], {
      timeout: TIMEOUT_MS,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.stdin.end(input);
    let ended = false;
    const exit = new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        if (code === 0 || ended) resolve();
        else reject(new Error(`kcat ${args.join(' ')} ended with ${code ?? signal}: ${errors}`));
      });
    });
    const failed = exit.then(() => {
      if (!ended) throw new Error(`kcat ${args.join(' ')} ended by itself: ${errors}`);
    });
    // Who waits for neither is told by what they read.
    failed.catch(() => {});
    return {
      exit,
      /** Rejects when it ends without being asked to. */
      failed,
      output: () => output,
      records: () => records(output),
      /** Leaves the group as a process does that is asked to end. */
      end: () => {
        ended = true;
        child.kill('SIGTERM');
        return exit;
      },
    };
  }
}

/** What `kcat -L -J` prints, as far as it is looked at. */
export interface Metadata {
  readonly brokers: readonly { readonly id: number; readonly name: string }[];
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly unknown[] }[];
}

function records(output: string): KcatRecord[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as KcatRecord);
}
