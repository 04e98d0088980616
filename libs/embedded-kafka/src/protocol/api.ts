import type { WireType } from '../wire/schema.js';

/** One API of the protocol: its number, the versions served, and its two messages. */
export interface Api<ReqOut = any, ReqIn = any, ResOut = any, ResIn = any> {
  readonly key: number;
  readonly name: string;
  /** Lowest and highest version served. */
  readonly versions: readonly [number, number];
  /** The lowest version told to clients where it must be below the lowest served. */
  readonly advertisedFrom: number;
  /** First flexible version; Infinity when none of those served is. */
  readonly flexibleFrom: number;
  readonly request: WireType<ReqOut, ReqIn>;
  readonly response: WireType<ResOut, ResIn>;
}

/** Declares an {@link Api}. */
export function defineApi<ReqOut, ReqIn, ResOut, ResIn>(
  api: Omit<Api<ReqOut, ReqIn, ResOut, ResIn>, 'advertisedFrom'> & { advertisedFrom?: number },
): Api<ReqOut, ReqIn, ResOut, ResIn> {
  return { advertisedFrom: api.versions[0], ...api };
}

/** What a request of this API is once read. */
export type RequestOf<A> = A extends Api<infer Out, any, any, any> ? Out : never;
/** What a handler of this API answers. */
export type ResponseOf<A> = A extends Api<any, any, any, infer In> ? In : never;
