/** Where chance comes from: a number in [0, 1). Engines take one, so that tests can repeat. */
export type Random = () => number;

/** The platform's own generator. Not for secrets: those come from `node:crypto`. */
export const systemRandom: Random = Math.random;
