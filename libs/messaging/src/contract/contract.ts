import type { InputOf, OutputOf, StandardSchema } from './standard-schema.js';

/** The schemas of a message by version, without gaps: `{ 1: V1, 2: V2 }`. */
export type Versions = { readonly [version: number]: StandardSchema };

/**
 * What may change between versions, in the words of schema registries. Readers accept a version
 * newer than they know only under `FORWARD` and `FULL`.
 */
export type Compatibility =
  | 'NONE'
  | 'BACKWARD'
  | 'FORWARD'
  | 'FULL'
  | 'BACKWARD_TRANSITIVE'
  | 'FORWARD_TRANSITIVE'
  | 'FULL_TRANSITIVE';

interface Contract<K extends string, N extends string, D> {
  readonly kind: K;
  /** `<context>.<what>`, for example `orders.order-placed`; the CloudEvents type on the wire. */
  readonly name: N;
  /** The service that decides on the shape. */
  readonly owner: string;
  readonly versions: Versions;
  /** The version that is written. */
  readonly latest: number;
  readonly compatibility: Compatibility;
  /** Turns data of each older version into that of the next. */
  readonly upcast: { readonly [version: number]: (data: never) => unknown };
  /** What messages of a version look like, for documents and golden samples. */
  readonly examples?: { readonly [version: number]: unknown };
  /** Only for the type checker: data of the newest version. */
  readonly '~data'?: D;
}

/** A fact that happened, told to whoever listens to its topic. */
export interface EventContract<N extends string = string, D = unknown> extends Contract<
  'event',
  N,
  D
> {
  readonly topic: string;
  /** The aggregate the event belongs to; events of one key arrive in order. */
  key(data: D): string;
}

/** An order to one service, which answers with one of the replies. */
export interface CommandContract<
  N extends string = string,
  D = unknown,
  R extends readonly ReplyContract[] = readonly ReplyContract[],
> extends Contract<'command', N, D> {
  readonly topic: string;
  /** The aggregate the command is for; commands of one key are handled in order. */
  key(data: D): string;
  readonly replies: R;
}

/** An answer to a command; goes to the topic that the command names. */
export interface ReplyContract<N extends string = string, D = unknown> extends Contract<
  'reply',
  N,
  D
> {
  /** Whether the command was carried out, or refused for a reason of the business. */
  readonly outcome: 'success' | 'refusal';
}

/** Any message that crosses a topic. */
export type MessageContract = EventContract | CommandContract | ReplyContract;

/** What a handler of the contract gets: data of the newest version. */
export type DataOf<C extends { readonly '~data'?: unknown }> = NonNullable<C['~data']>;
/** The same as {@link DataOf}, for events. */
export type EventOf<C extends EventContract> = DataOf<C>;

/** Data of the newest of some versions. */
export type NewestOf<V extends Versions> = OutputOf<V[Newest<V>]>;

type VersionOf<V extends Versions> = keyof V & number;

/** A lookup, because counting by recursive types exhausts the checker on generic versions. */
type Successor = [never, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21];

/** Versions have no gap, so the newest is the one without a successor. */
type Newest<V extends Versions> = {
  [K in VersionOf<V>]: Successor[K] extends keyof V ? never : K;
}[VersionOf<V>];

type Older<V extends Versions> = Exclude<VersionOf<V>, Newest<V>>;

type Upcasting<V extends Versions> = [Older<V>] extends [never]
  ? { readonly upcast?: undefined }
  : {
      /** How data of each older version becomes data of the next one. */
      readonly upcast: {
        readonly [K in Older<V>]: (data: OutputOf<V[K]>) => InputOf<V[Successor[K] & keyof V]>;
      };
    };

interface Described<V extends Versions> {
  /** The service that decides on the shape. */
  readonly owner: string;
  /** The schemas by version; each must describe plain JSON. */
  readonly versions: V;
  /** @default 'FULL' */
  readonly compatibility?: Compatibility;
  /**
   * What messages of a version look like, for documents and golden samples. @default made from the
   * schema where needed
   */
  readonly examples?: {
    readonly [K in keyof NoInfer<V>]?: OutputOf<NoInfer<V>[K] & StandardSchema>;
  };
}

/** What {@link defineEvent} takes. */
export type EventOptions<V extends Versions> = Described<V> & {
  readonly topic: string;
  /** The key of the record, usually the id of the aggregate. Never empty. */
  readonly key: (data: NewestOf<V>) => string;
} & Upcasting<V>;

/** What {@link defineCommand} takes. */
export type CommandOptions<
  V extends Versions,
  R extends readonly ReplyContract[],
> = Described<V> & {
  /** @default '<owner>.commands' */
  readonly topic?: string;
  /** The key of the record, usually the id of the aggregate. Never empty. */
  readonly key: (data: NewestOf<V>) => string;
  /** All answers the command may get. */
  readonly replies: R;
} & Upcasting<V>;

/** What {@link defineReply} takes. */
export type ReplyOptions<V extends Versions> = Described<V> & {
  readonly outcome: 'success' | 'refusal';
} & Upcasting<V>;
