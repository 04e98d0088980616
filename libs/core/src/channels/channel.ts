import { channel as nodeChannel } from 'node:diagnostics_channel';

/** A typed `diagnostics_channel`: how engines tell what they do without knowing who listens. */
export interface Channel<T extends object> {
  readonly name: string;
  /** False while nobody listens; check it before building a costly message. */
  readonly hasSubscribers: boolean;
  publish(message: T): void;
  /** Listens until the returned function is called. */
  subscribe(listener: (message: T) => void): () => void;
}

/** The channel of that name; names are `rookery.<area>.<thing>`. */
export function channel<T extends object>(name: string): Channel<T> {
  const inner = nodeChannel(name);
  return {
    name,
    get hasSubscribers() {
      return inner.hasSubscribers;
    },
    publish: (message) => inner.publish(message),
    subscribe(listener) {
      const onMessage = (message: unknown): void => listener(message as T);
      inner.subscribe(onMessage);
      return () => void inner.unsubscribe(onMessage);
    },
  };
}
