import type { Attempt } from './attempt.js';
import { Execution } from './execution.js';
import type { PolicyCall, PolicySet } from './policy.js';

/** Makes the iterable of one attempt. */
export type IterableSource<T> = (call: PolicyCall) => AsyncIterable<T>;

interface Opened<T> {
  readonly attempt: Attempt;
  readonly iterator: AsyncIterator<T>;
  end(): void;
  fail(error: unknown): void;
}

type Happening<T> =
  | { readonly kind: 'opened'; readonly opened: Opened<T> }
  | { readonly kind: 'item'; readonly opened: Opened<T>; readonly step: IteratorResult<T> }
  | { readonly kind: 'completed' }
  | { readonly kind: 'rejected'; readonly error: unknown }
  | { readonly kind: 'answered'; readonly answer: unknown };

/** What happens to an iteration, in order, for the generator that waits for it. */
class Mailbox<T> {
  readonly #happenings: Happening<T>[] = [];
  #wake: (() => void) | undefined;

  post(happening: Happening<T>): void {
    this.#happenings.push(happening);
    this.#wake?.();
  }

  async take(): Promise<Happening<T>> {
    while (this.#happenings.length === 0) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#happenings.shift() as Happening<T>;
  }
}

/**
 * An async iterable whose every iteration is a guarded call. It lasts until the source ends or the
 * consumer leaves: so long it holds its bulkhead place. A timeout limits the wait for each item,
 * not the consumer's work between items. Retry and fallback stand in only before the first item.
 */
export async function* guardIterable<T>(
  policies: PolicySet,
  open: IterableSource<T>,
  args: readonly unknown[],
): AsyncGenerator<T, void, undefined> {
  const mailbox = new Mailbox<T>();
  let produced = false;
  let current: Opened<T> | undefined;
  const execution = new Execution(
    policies,
    (attempt) =>
      new Promise<void>((end, fail) => {
        const iterator = open(attempt)[Symbol.asyncIterator]();
        mailbox.post({ kind: 'opened', opened: { attempt, iterator, end, fail } });
      }),
    args,
    {
      resolve: () => mailbox.post({ kind: 'completed' }),
      reject: (error) => mailbox.post({ kind: 'rejected', error }),
      answer: (answer) => mailbox.post({ kind: 'answered', answer }),
      replaceable: () => !produced,
    },
  );
  try {
    execution.start();
    for (;;) {
      const happening = await mailbox.take();
      switch (happening.kind) {
        case 'opened':
          if (current !== undefined) abandon(current);
          current = happening.opened;
          pull(current, mailbox);
          break;
        case 'item':
          if (happening.opened !== current) break;
          if (happening.step.done === true) {
            current.end();
            break;
          }
          produced = true;
          current.attempt.holdLimit();
          yield happening.step.value;
          current.attempt.renewLimit();
          pull(current, mailbox);
          break;
        case 'answered':
          yield* asIterable<T>(happening.answer);
          return;
        case 'completed':
          current = undefined;
          return;
        case 'rejected':
          throw happening.error;
      }
    }
  } finally {
    execution.cancel(produced);
    if (current !== undefined) abandon(current);
  }
}

function pull<T>(opened: Opened<T>, mailbox: Mailbox<T>): void {
  opened.iterator.next().then(
    (step) => mailbox.post({ kind: 'item', opened, step }),
    (error: unknown) => opened.fail(error),
  );
}

/** Ends a source nobody reads any more. It may hang, or fail: nobody waits for that either. */
function abandon<T>(opened: Opened<T>): void {
  const leave = async (): Promise<unknown> => opened.iterator.return?.();
  void leave().then(opened.end, opened.end);
}

async function* asIterable<T>(answer: unknown): AsyncGenerator<T, void, undefined> {
  const value = (await answer) as T | AsyncIterable<T> | Iterable<T>;
  if (typeof value === 'object' && value !== null && Symbol.asyncIterator in value) yield* value;
  else if (Array.isArray(value)) yield* value as T[];
  else yield value as T;
}
