import type { Clock, Random } from '@rookery/core';

/** Where a config server tells of new revisions. */
export interface FeedAddress {
  readonly url: URL;
  readonly authorization: string | undefined;
}

/** What {@link followRevisions} needs. */
export interface FeedOptions {
  /** The address, as far as it is known now; servers of others have none. */
  readonly address: () => FeedAddress | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** Called for each event: the configuration may have changed. */
  readonly onRevision: () => void;
  readonly signal: AbortSignal;
}

const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 30_000;
/** All clients hear of a revision at once; they need not ask at once. */
const SPREAD_MS = 200;
/** Longest line that is waited for: an event of the server is a few dozen bytes. */
const MAX_LINE = 65_536;

/**
 * Listens to the server-sent events `revision` of a config server, again and again until `signal`
 * aborts. Only a quicker way to know: polling goes on beside it, so a failure needs no report.
 */
export async function followRevisions(options: FeedOptions): Promise<void> {
  const { address, clock, random, signal } = options;
  let delay = FIRST_DELAY_MS;
  while (!signal.aborted) {
    const feed = address();
    try {
      if (feed !== undefined) {
        await listen(feed, options);
        delay = FIRST_DELAY_MS;
      }
    } catch {
      delay = Math.min(delay * 2, MAX_DELAY_MS);
    }
    try {
      await clock.sleep(delay * (0.5 + random()), signal);
    } catch {
      return;
    }
  }
}

async function listen(feed: FeedAddress, options: FeedOptions): Promise<void> {
  const response = await fetch(feed.url, {
    headers: {
      accept: 'text/event-stream',
      ...(feed.authorization === undefined ? {} : { authorization: feed.authorization }),
    },
    redirect: 'error',
    signal: options.signal,
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`the feed answered ${response.status}`);
  }
  let cancel: (() => void) | undefined;
  let pending = '';
  try {
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      const lines = `${pending}${text}`.split('\n');
      pending = lines.pop() ?? '';
      if (pending.length > MAX_LINE) throw new Error('the feed sends no lines');
      if (!lines.includes('event: revision')) continue;
      cancel?.();
      cancel = options.clock.after(SPREAD_MS * options.random(), options.onRevision);
    }
  } catch (error) {
    cancel?.();
    throw error;
  }
}
