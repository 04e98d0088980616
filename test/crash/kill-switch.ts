import { appendFileSync } from 'node:fs';
import type { KillPointId } from './kill-points.js';

/** Ends the process it is in as `kill -9` does, at the n-th arrival at one point. */
export class KillSwitch {
  #armed: { readonly point: KillPointId; left: number } | undefined;

  constructor(
    /** File that is told of the kill: the process cannot tell it anybody else any more. */
    private readonly evidence: string,
  ) {}

  arm(point: KillPointId, nth: number): void {
    this.#armed = { point, left: nth };
  }

  /** The process is at this point; the call does not return from the arrival that is meant. */
  reached(point: KillPointId): void {
    if (this.due(point)) this.kill(point);
  }

  /** Counts an arrival; whether it is the one that is meant. */
  due(point: KillPointId): boolean {
    if (this.#armed?.point !== point) return false;
    this.#armed.left -= 1;
    return this.#armed.left === 0;
  }

  kill(point: KillPointId): void {
    appendFileSync(this.evidence, `${point}\n`);
    process.kill(process.pid, 'SIGKILL');
  }
}
