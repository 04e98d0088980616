import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { BrokerSettings, LostAnswers } from './broker-process.js';

/** A broker in a process of its own, seen from its parent. */
export class BrokerHandle {
  #child: ChildProcess | undefined;
  #port = 0;
  #lost = 0;
  kills = 0;

  constructor(
    private readonly bundle: string,
    private readonly dataDirectory: string,
  ) {}

  get brokers(): string[] {
    return [`127.0.0.1:${this.#port}`];
  }

  /** Answers that were lost on purpose, except the last ones before a kill. */
  get lostAnswers(): number {
    return this.#lost;
  }

  async start(): Promise<void> {
    const settings: BrokerSettings = { dataDirectory: this.dataDirectory, port: this.#port };
    const child = fork(this.bundle, [JSON.stringify(settings)], { execArgv: [] });
    this.#child = child;
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    this.#port = port;
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    this.#child = undefined;
    this.kills += 1;
  }

  /** From now on this share of writes and commits is carried out and never answered. */
  async loseAnswers(share: number): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const told = once(child, 'message');
    child.send({ kind: 'lose-answers', share } satisfies LostAnswers);
    const [{ lost }] = (await told) as [{ lost: number }];
    this.#lost += lost;
  }
}
