import type { Clock, Random } from '@rookery/core';
import { ConfigServerError } from '../config.errors.js';
import type { ConfigOptions } from '../config.options.js';
import type { PropertySource } from '../property-source/property-source.js';
import type { ConfigLog } from '../store/config-log.js';
import { fetchConfiguration, type ConfigServerAnswer } from './config-server-client.js';
import { followRevisions, type FeedAddress } from './revision-feed.js';

const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 3_000;

/** The config servers as a source of configuration: asked in order, the first that answers counts. */
export class ConfigServerSources {
  readonly #urls: readonly string[];
  #monitor: FeedAddress | undefined;
  #etag: { readonly url: string; readonly value: string } | undefined;

  constructor(
    private readonly app: string,
    private readonly profiles: readonly string[],
    private readonly options: ConfigOptions,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly log: ConfigLog,
  ) {
    this.#urls = (options.url ?? '').split(',').map((url) => url.trim());
  }

  /**
   * The sources at start: retried with growing, jittered delays, a line each, until
   * `config.failFastAfter`.
   *
   * @throws ConfigServerError when the time is over, or at once when retrying cannot help
   */
  async first(signal: AbortSignal): Promise<readonly PropertySource[]> {
    const start = this.clock.monotonic();
    // The clock's timers let the process end; nothing else keeps it up this early.
    const alive = setInterval(() => {}, 60_000);
    try {
      return await this.#retry(start, signal);
    } finally {
      clearInterval(alive);
    }
  }

  async #retry(start: number, signal: AbortSignal): Promise<readonly PropertySource[]> {
    for (let attempt = 1, delay = FIRST_DELAY_MS; ; attempt++) {
      try {
        return (await this.changed(signal)) ?? [];
      } catch (error) {
        if (!(error instanceof ConfigServerError) || !error.retryable) throw error;
        const elapsed = this.clock.monotonic() - start;
        const wait = Math.round(delay * (0.5 + 0.5 * this.random()));
        if (elapsed + wait > this.options.failFastAfter) {
          throw new ConfigServerError(
            `${error.message} (gave up after ${attempt} attempts in ${Math.round(elapsed)} ms; ` +
              'start the config server, or unset CONFIG_URL to use local files)',
            true,
            error,
          );
        }
        this.log('warn', `${error.message}; attempt ${attempt}, next in ${wait} ms`);
        await this.clock.sleep(wait, signal);
        delay = Math.min(delay * 2, MAX_DELAY_MS);
      }
    }
  }

  /**
   * The sources, or `undefined` when they are what the last call returned.
   *
   * @throws ConfigServerError of the last server when none answers
   */
  async changed(signal: AbortSignal): Promise<readonly PropertySource[] | undefined> {
    let failure: unknown;
    for (const url of this.#urls) {
      try {
        const answer = await this.#ask(url, signal);
        if (answer === undefined) return undefined;
        this.#monitor = answer.monitor;
        this.#etag = answer.etag === undefined ? undefined : { url, value: answer.etag };
        return answer.sources;
      } catch (error) {
        if (!(error instanceof ConfigServerError)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  /** Calls `onRevision` whenever the server tells of a change, if it does that at all. */
  follow(onRevision: () => void, signal: AbortSignal): void {
    const { clock, random } = this;
    const address = (): FeedAddress | undefined => this.#monitor;
    void followRevisions({ address, clock, random, onRevision, signal });
  }

  #ask(url: string, signal: AbortSignal): Promise<ConfigServerAnswer | undefined> {
    return fetchConfiguration({
      url,
      app: this.app,
      profiles: this.profiles,
      label: this.options.label,
      timeoutMs: this.options.timeout,
      signal,
      // A tag means nothing to another server.
      etag: this.#etag?.url === url ? this.#etag.value : undefined,
    });
  }
}
