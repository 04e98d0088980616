import { decodeData } from '../contract/contract-codec.js';
import type { CommandContract } from '../contract/contract.js';
import { isReply, reply, type Reply } from '../handler/reply.js';
import type { Inbox } from '../inbox/inbox.js';
import { UnexpectedReplyError } from '../messaging.errors.js';
import type { MessageWriter } from '../publish/message-writer.js';
import type { ConsumerHandler } from './consumer-handler.js';
import type { Message } from './delivery.js';
import { SKIPPED } from './skipped.js';

/**
 * Answers commands, and keeps the answers as long as the inbox remembers the commands: whoever asks
 * again has not got the first one.
 */
export class Answers {
  constructor(
    private readonly inbox: Inbox,
    private readonly writer: Pick<MessageWriter, 'answer'>,
  ) {}

  /**
   * Sends what a handler has returned.
   *
   * @throws UnexpectedReplyError when it is none of the command's replies
   */
  async give(
    { consumer, effects }: ConsumerHandler,
    { envelope, contract }: Message,
    key: string,
    result: unknown,
  ): Promise<void> {
    if (contract.kind !== 'command' || result === SKIPPED) return;
    const answer = checked(consumer, contract, result);
    if (envelope.replyTo === undefined) return;
    await this.writer.answer(envelope, key, answer);
    if (effects !== 'once') return;
    const { name, latest: version } = answer.contract;
    await this.inbox.keepReply(consumer, envelope.id, { name, version, data: answer.data });
  }

  /** Sends the answer again to a command that was handled in another record than this one. */
  async repeat(
    { consumer }: ConsumerHandler,
    { envelope, contract }: Message,
    key: string,
    place: string,
  ): Promise<void> {
    if (contract.kind !== 'command' || envelope.replyTo === undefined) return;
    const kept = await this.inbox.replyOf(consumer, envelope.id, place);
    const known = contract.replies.find(({ name }) => name === kept?.name);
    if (kept === undefined || known === undefined) return;
    const data = decodeData(known, kept.version, kept.data);
    await this.writer.answer(envelope, key, reply(known, data as never));
  }
}

function checked(consumer: string, command: CommandContract, result: unknown): Reply {
  const names = command.replies.map(({ name }) => name);
  if (isReply(result) && names.includes(result.contract.name)) return result;
  throw new UnexpectedReplyError(
    `${consumer} must answer ${command.name} with one of ${names.join(', ')}, ` +
      `got ${isReply(result) ? result.contract.name : typeof result}`,
  );
}
