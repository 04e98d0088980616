import { from, isObservable, Observable, of, Subscription, type ObservableInput } from 'rxjs';
import type { Attempt } from './attempt.js';
import { Execution } from './execution.js';
import type { PolicyCall, PolicySet } from './policy.js';

/** Makes the observable of one attempt. */
export type ObservableSource<T> = (call: PolicyCall) => Observable<T>;

/**
 * An observable whose every subscription is a guarded call. It lasts until the source completes:
 * so long it holds its bulkhead place. A timeout limits the wait for the first and between further
 * values. Retry and fallback stand in only before the first value, as values cannot be taken back.
 */
export function guardObservable<T>(
  policies: PolicySet,
  open: ObservableSource<T>,
  args: readonly unknown[],
): Observable<T> {
  return new Observable<T>((subscriber) => {
    let produced = false;
    let answer: Subscription | undefined;
    let leave: () => void = () => {};
    const attempt = (call: Attempt): Promise<void> =>
      new Promise((resolve, reject) => {
        const inner = new Subscription();
        leave = () => {
          inner.unsubscribe();
          resolve();
        };
        if (policies.timeout !== undefined) {
          call.signal.addEventListener('abort', leave, { once: true });
        }
        inner.add(
          open(call).subscribe({
            next: (value) => {
              produced = true;
              call.renewLimit();
              subscriber.next(value);
            },
            error: reject,
            complete: resolve,
          }),
        );
      });
    const execution = new Execution(policies, attempt, args, {
      resolve: () => subscriber.complete(),
      reject: (error) => subscriber.error(error),
      answer: (value) => {
        answer = asObservable<T>(value).subscribe(subscriber);
      },
      replaceable: () => !produced,
    });
    execution.start();
    return () => {
      execution.cancel(produced);
      leave();
      answer?.unsubscribe();
    };
  });
}

function asObservable<T>(answer: unknown): Observable<T> {
  if (isObservable(answer)) return answer as Observable<T>;
  const input = answer as Partial<AsyncIterable<T> & PromiseLike<T>> | undefined | null;
  const converts = typeof input?.then === 'function' || input?.[Symbol.asyncIterator] !== undefined;
  return converts ? from(answer as ObservableInput<T>) : of(answer as T);
}
