import { createInterface } from 'node:readline';
import { fromLine, toLine, type RequestLine, type WorkerLine } from '../port/json-lines.js';
import type { Connection, Need, Operation, Operations } from '../port/operations.js';

/** The operations a worker in TypeScript offers. */
export type Served = {
  [O in Operation]?: (args: Operations[O][0]) => Promise<Operations[O][1]>;
};

/** Address of the listener that a connection asks for; a worker gets both as its arguments. */
export function addressOf({ listener }: Connection): string {
  const [plain, sasl] = process.argv.slice(2);
  const address = listener === 'sasl' ? sasl : plain;
  if (!address) throw new Error(`no address of the listener ${listener ?? 'plain'}`);
  return address;
}

/** Answers lines on standard input until it ends. All operations run at the same time. */
export function serve(
  client: string,
  served: Served,
  features: readonly Need[],
  codeOf: (error: unknown) => string,
): void {
  const write = (line: WorkerLine): void => void process.stdout.write(`${toLine(line)}\n`);
  write({ client, offers: [...Object.keys(served), ...features] });
  const answer = async ({ id, op, args }: RequestLine): Promise<void> => {
    try {
      write({ id, ok: await served[op as Operation]?.(args as never) });
    } catch (error) {
      write({ id, error: { code: codeOf(error), message: String(error) } });
    }
  };
  createInterface({ input: process.stdin })
    .on('line', (line) => void answer(fromLine(line) as RequestLine))
    // Connections that are left open end with the process.
    .on('close', () => process.exit());
}
