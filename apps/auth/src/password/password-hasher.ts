import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { PasswordCheckBusyError } from '../auth.errors.js';
import { formatPhc, parsePhc } from './phc-string.js';

/** Cost of one hash; OWASP's first recommendation for argon2id. */
export interface HashCost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
}

const DEFAULT_COST: HashCost = { memoryKib: 19_456, passes: 2, parallelism: 1 };
const HASH_BYTES = 32;
/** Each hash holds a thread of the pool and its memory for about 50 ms. */
const MAX_RUNNING = 2;
const MAX_WAITING = 64;

/**
 * Hashes and checks passwords with argon2id (RFC 9106). Only a few run at a time, because each costs
 * memory and a thread; a flood of logins waits, and beyond that is turned away.
 */
export class PasswordHasher {
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  #dummy: Promise<string> | undefined;

  constructor(private readonly cost: HashCost = DEFAULT_COST) {}

  /** @throws PasswordCheckBusyError */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(16);
    const hash = await this.#derive(password, salt, this.cost, HASH_BYTES);
    return formatPhc({ ...this.cost, salt, hash });
  }

  /**
   * Whether the password is the one that was hashed. Without a hash it takes as long and is false,
   * so that the time of an answer does not tell which users exist.
   *
   * @throws PasswordCheckBusyError
   */
  async verify(password: string, phc: string | undefined): Promise<boolean> {
    const known = parsePhc(
      phc ?? (await (this.#dummy ??= this.hash(randomBytes(16).toString('hex')))),
    );
    const hash = await this.#derive(password, known.salt, known, known.hash.length);
    return timingSafeEqual(hash, known.hash) && phc !== undefined;
  }

  /** Whether the hash was made at another cost than is used now. */
  isOutdated(phc: string): boolean {
    const { memoryKib, passes, parallelism } = parsePhc(phc);
    const now = this.cost;
    return memoryKib !== now.memoryKib || passes !== now.passes || parallelism !== now.parallelism;
  }

  async #derive(password: string, salt: Buffer, cost: HashCost, bytes: number): Promise<Buffer> {
    await this.#enter();
    try {
      return await new Promise((resolve, reject) =>
        argon2(
          'argon2id',
          {
            message: password,
            nonce: salt,
            memory: cost.memoryKib,
            passes: cost.passes,
            parallelism: cost.parallelism,
            tagLength: bytes,
          },
          (error, hash) => (error === null ? resolve(hash) : reject(error)),
        ),
      );
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < MAX_RUNNING) {
      this.#running++;
      return;
    }
    if (this.#waiting.length >= MAX_WAITING) throw new PasswordCheckBusyError();
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** The place goes to the next in line without becoming free in between. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next();
  }
}
