import { Refusal, type Client } from '../port/client.js';
import type { Need, Operation, Operations } from '../port/operations.js';
import type { Served } from './serve.js';

/** A client of commands that end: what is open between them is remembered here. */
export function commandClient(
  name: string,
  served: Served,
  features: readonly Need[],
  close: () => Promise<void>,
): Client {
  const offers = new Set<Need>([...(Object.keys(served) as Operation[]), ...features]);
  return {
    name,
    offers,
    call: <O extends Operation>(operation: O, args: Operations[O][0]) => {
      const serve = served[operation];
      if (serve === undefined) throw new NotOffered(operation);
      return serve(args);
    },
    close,
  };
}

/** The client offers the operation, but not with these arguments. */
export class NotOffered extends Refusal {
  constructor(what: string) {
    super('NOT_OFFERED', what);
  }
}
