import type { Command } from 'commander';
import type { RawMessageOptions } from '../commands/messages.js';

const load = () => import('../commands/messages.js');

/** `rookery messages ...`: what is parked or dead, and what to do about it. */
export function addMessages(program: Command, say: (text: string) => void): void {
  const messages = program
    .command('messages')
    .description('list, show, edit, replay and discard messages that could not be handled');
  const add = (signature: string, description: string): Command =>
    messages
      .command(signature)
      .description(description)
      .option('--app <app>', 'only this app')
      .option('--url <url>', 'a service that does not run here; its token in ROOKERY_TOKEN');

  filters(add('list', 'the newest failed messages'))
    .option('--limit <count>', 'how many, 50 when not given')
    .option('--before <id>', 'the next page')
    .option('--json', 'as JSON')
    .action(async (options: RawMessageOptions) => (await load()).listMessages(options, say));
  add('show <message>', 'one message with its content, as in orders/42').action(
    async (of: string, options: RawMessageOptions) => (await load()).showMessage(of, options, say),
  );
  add('edit <message>', 'put other content in its place; the original is kept')
    .option('--patch <json>', 'fields to change; null removes one')
    .option('--payload <json>', 'the whole content')
    .option('--header <name=value...>', 'headers to change; a name alone removes it')
    .option('--reason <text>', 'why')
    .action(async (of: string, options: RawMessageOptions) =>
      (await load()).editMessage(of, options, say),
    );
  filters(add('replay [message]', 'have one handled again, or with --app all that is like this'))
    .option('--whole-key', 'all that waits of its key, in order')
    .option('--rate <count>', 'how many a second, 10 when not given')
    .option('--wait', 'until all of it is done')
    .option('--reason <text>', 'why')
    .action(async (of: string | undefined, options: RawMessageOptions) => {
      if (!(await (await load()).replayMessages(of, options, say))) process.exitCode = 1;
    });
  add('discard <message>', 'give one up for good')
    .option('--reason <text>', 'why')
    .action(async (of: string, options: RawMessageOptions) =>
      (await load()).discardMessage(of, options, say),
    );
  add('replays', 'replays of many messages, and how far they are').action(
    async (options: RawMessageOptions) => (await load()).listReplays(options, say),
  );
  add('cancel <replay>', 'end a replay, as in orders/<id>').action(
    async (of: string, options: RawMessageOptions) => (await load()).cancelReplay(of, options, say),
  );
}

function filters(command: Command): Command {
  return command
    .option('--consumer <name>', 'that failed, as in Orders.placed')
    .option('--status <status>', 'parked, dead, replayed or discarded')
    .option('--type <type>', 'of the message, as in orders.order-placed')
    .option('--topic <topic>', 'it came from')
    .option('--key <key>', 'of the message')
    .option('--cause <reason>', 'as in retries-exhausted, not-retryable, bad-json')
    .option('--code <code>', 'of the error, as in RKY_MSG_HANDLER_TIMEOUT')
    .option('--older-than <duration>', 'failed longer ago, as in 1h')
    .option('--newer-than <duration>', 'failed not longer ago');
}
