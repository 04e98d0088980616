/** What a handler knows of the message besides its data. */
export interface MessageContext {
  /** The same on every delivery of the message. */
  readonly id: string;
  /** The contract's name, for example `orders.order-placed`. */
  readonly name: string;
  /** The version the producer wrote; the data was brought to the newest already. */
  readonly version: number;
  /** The record's key, empty when it has none. */
  readonly key: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** When the producer published it, milliseconds since the epoch. */
  readonly timestamp: number;
  readonly correlationId: string;
  /** The message whose handling caused this one. */
  readonly causationId?: string | undefined;
  /** The service that published it. */
  readonly source: string;
  /** All headers as text, read when asked for: a copy made by `{ ...context }` has none. */
  readonly headers: Readonly<Record<string, string>>;
  /** 1 on the first try. */
  readonly attempt: number;
  /**
   * Aborts when the handler's time is over, or its partition went to another instance. Made when
   * asked for, like the headers.
   */
  readonly signal: AbortSignal;
  /** Where the reply to this command goes. */
  readonly replyTo?: string | undefined;
  /** The id of the command that this message answers. */
  readonly inReplyTo?: string | undefined;
}
