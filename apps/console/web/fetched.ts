import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

/** What was asked of the server. */
export type Fetched<T> =
  | { readonly state: 'waiting' }
  | { readonly state: 'here'; readonly value: T }
  | { readonly state: 'failed'; readonly problem: string };

/**
 * Asks the server and asks again whenever `again` differs; until the next answer is here, the last
 * one stays.
 */
export function useFetched<T>(path: string, again?: unknown): Fetched<T> {
  const result = useSignal<Fetched<T> & { path?: string }>({ state: 'waiting' });
  useEffect(() => {
    const abort = new AbortController();
    if (result.peek().path !== path) result.value = { state: 'waiting', path };
    ask<T>(path, abort.signal).then(
      (value) => (result.value = { state: 'here', value, path }),
      (error: unknown) => {
        if (abort.signal.aborted) return;
        result.value = { state: 'failed', problem: (error as Error).message, path };
      },
    );
    return () => abort.abort();
  }, [path, again]);
  return result.value;
}

async function ask<T>(path: string, signal: AbortSignal): Promise<T> {
  const response = await fetch(path, { signal, headers: { accept: 'application/json' } });
  const body = (await response.json()) as unknown;
  if (response.ok) return body as T;
  throw new Error((body as { detail?: string }).detail ?? `the server answered ${response.status}`);
}
