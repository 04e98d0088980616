import type { BatchSize, HandleBatch } from '../batch/batch-message.js';
import type { MessageContract } from '../contract/contract.js';
import type { ResolvedParking, ResolvedRetryPolicy } from '../handler/handler.options.js';
import type { MessageContext } from '../handler/message-context.js';
import type { RecordReader } from './record-reader.js';

/** A handler as the engine sees it, wherever it was declared. */
export interface ConsumerHandler {
  /** Handled messages are remembered under it. */
  readonly consumer: string;
  readonly group: string;
  readonly topics: readonly string[];
  /** By name. */
  readonly contracts: ReadonlyMap<string, MessageContract>;
  /** Takes every record of its topics, read in this way, and has no contracts. */
  readonly read?: RecordReader | undefined;
  /** Takes the ends of keys instead of messages. */
  readonly tombstones?: boolean | undefined;
  /** Takes messages in batches; `handle` then takes those that are tried again, one by one. */
  readonly batch?: (BatchSize & { readonly handle: HandleBatch }) | undefined;
  readonly retry: ResolvedRetryPolicy;
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly effects: 'once' | 'at-least-once';
  /** Whether messages of one key wait for each other. */
  readonly ordered: boolean;
  readonly onFailure: 'dead-letter' | 'park';
  readonly park?: ResolvedParking | undefined;
  /** The version of data within its key. */
  readonly version?: ((data: unknown) => number | bigint) | undefined;
  readonly onStale: 'skip' | 'fail';
  /** Runs inside the transaction, if effects are had once; returns a reply or nothing. */
  readonly handle: (
    data: unknown,
    context: MessageContext,
    contract: MessageContract,
  ) => Promise<unknown>;
}
