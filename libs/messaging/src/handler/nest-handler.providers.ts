import type { MessagingRuntime } from '../consumer/messaging-runtime.js';
import { handlerBindings } from './handler-binding.js';
import type { MessageContext } from './message-context.js';
import type { NestPipeline, Wrapper } from './nest-pipeline.providers.js';

/**
 * Finds methods with `@OnEvent` and `@OnCommand` on providers and controllers. They are called
 * through Nest, as context type `rpc`: guards, interceptors, pipes and filters of the method, the
 * class and the app apply, and what a handler throws arrives unchanged.
 */
export class NestHandlers {
  constructor(
    private readonly pipeline: NestPipeline,
    private readonly runtime: MessagingRuntime,
  ) {}

  /**
   * Hands all handlers to the runtime.
   *
   * @throws InvalidOptionError when two have one name, or a handler's class is not a singleton
   */
  subscribe(): void {
    for (const { wrapper, instance, name } of this.pipeline.methods()) {
      this.#bind(wrapper, instance, name);
    }
  }

  #bind(wrapper: Wrapper, instance: object, name: string): void {
    const method = (instance as Record<string, unknown>)[name];
    const bindings = handlerBindings(method);
    if (bindings.length === 0) return;
    const owner = instance.constructor.name;
    const invoke = this.pipeline.invocation(wrapper, instance, name);
    for (const { contract, options, takes } of bindings) {
      // One method may handle several messages; each needs a name of its own to be remembered by.
      const what = takes === 'tombstones' ? `${contract.name}:tombstone` : contract.name;
      const suffix = bindings.length > 1 ? `:${what}` : '';
      const named = {
        ...options,
        consumer: `${options.consumer ?? `${owner}.${name}`}${suffix}`,
        version: options.version as ((data: unknown) => number | bigint) | undefined,
      };
      if (takes === 'tombstones' && contract.kind === 'event') {
        const handle = async (key: string, context: MessageContext): Promise<void> =>
          void (await invoke(key, context));
        this.runtime.subscribeTombstones({ ...named, event: contract, handle });
        continue;
      }
      if (takes === 'batches' && contract.kind === 'event') {
        const { version: _version, ...batched } = named;
        this.runtime.subscribeBatches({
          ...batched,
          event: contract,
          handle: async (messages, context) => (await invoke(messages, context)) as never,
        });
        continue;
      }
      this.runtime.subscribe({
        ...named,
        contracts: [contract],
        handle: async (data, context) => (await invoke(data, context)) as never,
      });
    }
  }
}
