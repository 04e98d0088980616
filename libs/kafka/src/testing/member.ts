import { createServer } from 'node:net';
import { systemClock } from '@rookery/core';
import type { IncomingRecord, KafkaConsumer, TopicPartition } from '../driver/kafka-driver.js';

/** A member that keeps what it is told, and lets a test wait for it. */
export class Member {
  readonly records: IncomingRecord[] = [];
  readonly log: string[] = [];
  assigned: readonly TopicPartition[] = [];
  onRevoked: (partitions: readonly TopicPartition[]) => Promise<void> = async () => {};
  onRecords: (records: readonly IncomingRecord[]) => void = () => {};
  readonly #waiting = new Set<() => void>();

  constructor(readonly consumer: KafkaConsumer) {}

  async start(): Promise<this> {
    await this.consumer.start({
      onRecords: ({ records }) => {
        this.records.push(...records);
        this.onRecords(records);
        this.#changed();
      },
      onAssigned: (partitions) => {
        this.assigned = partitions;
        this.log.push('assigned');
        this.#changed();
      },
      onRevoked: async (partitions) => {
        this.assigned = [];
        this.log.push('revoked');
        this.#changed();
        await this.onRevoked(partitions);
        this.#changed();
      },
    });
    return this;
  }

  async until(met: () => boolean, timeoutMs = 10_000): Promise<void> {
    if (met()) return;
    await new Promise<void>((resolve, reject) => {
      const check = (): void => {
        if (!met()) return;
        cancel();
        this.#waiting.delete(check);
        resolve();
      };
      const cancel = systemClock.after(timeoutMs, () => {
        this.#waiting.delete(check);
        reject(new Error(`not met: ${String(met)}; ${this.records.length} records, ${this.log}`));
      });
      this.#waiting.add(check);
    });
  }

  values(): string[] {
    return this.records.map(({ value }) => String(value));
  }

  /** How often it was assigned partitions. */
  get generations(): number {
    return this.log.filter((entry) => entry === 'assigned').length;
  }

  #changed(): void {
    for (const check of this.#waiting) check();
  }
}

/** Waits until something holds that nobody tells of. */
export async function until(met: () => boolean, what = '', timeoutMs = 15_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!met()) {
    if (performance.now() > end) throw new Error(`not met in time: ${String(met)}; ${what}`);
    await systemClock.sleep(5);
  }
}

/** A port on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
