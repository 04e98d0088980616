import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { scramCredential, type ScramCredential, type ScramHash } from './scram.js';

/** Ways to authenticate. */
export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';

/** All that are served, in the order in which they are told to clients. */
export const SASL_MECHANISMS: readonly SaslMechanism[] = [
  'PLAIN',
  'SCRAM-SHA-256',
  'SCRAM-SHA-512',
];

/** The hash of a SCRAM mechanism. */
export function hashOf(mechanism: Exclude<SaslMechanism, 'PLAIN'>): ScramHash {
  return mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512';
}

/** Who may connect. Passwords are not kept, only keys derived from them. */
export class Credentials {
  readonly #scram = new Map<string, ScramCredential>();
  /** Derived for names that nobody has: an answer must not tell who exists. */
  readonly #strangers = randomBytes(32);

  constructor(
    readonly mechanisms: readonly SaslMechanism[],
    users: Readonly<Record<string, string>>,
  ) {
    // PLAIN is checked against a salted key as well, so no password stays behind in any case.
    for (const [user, password] of Object.entries(users)) {
      for (const hash of ['sha256', 'sha512'] as const) {
        if (!this.#uses(hash)) continue;
        this.#scram.set(`${hash} ${user}`, scramCredential(hash, password));
      }
    }
  }

  /** What SCRAM checks a user by; for an unknown name something that nothing fits. */
  scram(hash: ScramHash, user: string): ScramCredential {
    return this.#scram.get(`${hash} ${user}`) ?? this.#stranger(hash, user);
  }

  /** Whether name and password belong together. Takes as long for a name that nobody has. */
  fits(user: string, password: string): boolean {
    const known = this.scram('sha256', user);
    const { salt, iterations } = known;
    const given = scramCredential('sha256', password, { salt, iterations });
    return timingSafeEqual(given.storedKey, known.storedKey);
  }

  #uses(hash: 'sha256' | 'sha512'): boolean {
    return this.mechanisms.some((one) =>
      one === 'PLAIN' ? hash === 'sha256' : hashOf(one) === hash,
    );
  }

  /** The same salt each time somebody asks, as for one who exists. */
  #stranger(hash: ScramHash, user: string): ScramCredential {
    const salt = createHash('sha256').update(this.#strangers).update(user).digest().subarray(0, 16);
    const length = createHash(hash).digest().length;
    const nothing = (): Buffer => randomBytes(length);
    return { hash, salt, iterations: 4_096, storedKey: nothing(), serverKey: nothing() };
  }
}
