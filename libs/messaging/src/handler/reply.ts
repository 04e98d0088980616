import type { CommandContract, DataOf, ReplyContract } from '../contract/contract.js';

/** The answer of a command handler, made by {@link reply}. */
export interface Reply<C extends ReplyContract = ReplyContract> {
  readonly contract: C;
  readonly data: DataOf<C>;
}

/** Any of the replies that a command may get. */
export type ReplyTo<C extends CommandContract> = C['replies'][number] extends infer R
  ? R extends ReplyContract
    ? Reply<R>
    : never
  : never;

/**
 * Answers a command.
 *
 * @example return reply(StockReserved, { reservationId });
 */
export function reply<C extends ReplyContract>(contract: C, data: DataOf<C>): Reply<C> {
  return { contract, data };
}

/** Whether a handler's result is a {@link Reply}. */
export function isReply(value: unknown): value is Reply {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as Partial<Reply>).contract?.kind === 'reply'
  );
}
