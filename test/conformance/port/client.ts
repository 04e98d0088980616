import type { Need, Operation, Operations } from './operations.js';

/** A client of Kafka that others wrote, behind the port. */
export interface Client {
  /** With its version, e.g. `kafkajs 2.2.4`. */
  readonly name: string;
  readonly offers: ReadonlySet<Need>;
  /** @throws Refusal when the client or the broker refuses */
  call<O extends Operation>(operation: O, args: Operations[O][0]): Promise<Operations[O][1]>;
  /** Ends it with everything it opened. */
  close(): Promise<void>;
}

/** The addresses of a broker's listeners. */
export interface Endpoints {
  readonly plain: string;
  /** Asks for a login. */
  readonly sasl: string;
}

/** How a client ended an operation, in the protocol's words where it has one: `INVALID_TOPIC_EXCEPTION`. */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(`${code}: ${message}`);
  }
}
