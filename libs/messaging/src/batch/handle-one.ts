import { errorText } from '../consumer/error-facts.js';
import type { MessageContract } from '../contract/contract.js';
import type { MessageContext } from '../handler/message-context.js';
import { BatchFailedError } from '../messaging.errors.js';
import type { HandleBatch } from './batch-message.js';
import { batchMessage, failuresOf } from './batch-run.js';

/**
 * Handles a message that is tried again, in a batch of one.
 *
 * @throws the error that the handler has thrown, or named for the message
 */
export async function handleOne(
  consumer: string,
  handle: HandleBatch,
  data: unknown,
  context: MessageContext,
  contract: MessageContract,
): Promise<unknown> {
  const message = batchMessage(data, context);
  const batch = { signal: context.signal };
  const result = await handle([message], batch, contract).catch((error: unknown) => {
    if (error instanceof BatchFailedError) return error.failures;
    throw error;
  });
  if (typeof result === 'symbol') return result;
  const [failure] = failuresOf(consumer, result);
  if (failure === undefined) return undefined;
  const { error } = failure;
  throw error instanceof Error
    ? error
    : new Error(errorText(error) ?? `${consumer} named no error`);
}
