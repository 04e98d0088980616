import { Injectable } from '@nestjs/common';
import { Database } from '@rookery/persistence';
import { sql } from 'kysely';
import { PasswordHasher } from '../password/password-hasher.js';
import type { AuthSchema } from '../persistence/schema.js';

/** Somebody who can sign in. */
export interface User {
  readonly id: string;
  readonly username: string;
  readonly name: string;
  readonly roles: readonly string[];
}

/** A user to create or bring up to date. */
export interface UserSeed {
  readonly username: string;
  readonly password: string;
  readonly name: string;
  readonly roles: readonly string[];
}

const PUBLIC_COLUMNS = ['id', 'username', 'name', 'roles'] as const;

/** The users of the platform. */
@Injectable()
export class UserRepository {
  constructor(
    private readonly database: Database<AuthSchema>,
    private readonly hasher: PasswordHasher,
  ) {}

  /** A user that may sign in, by id. */
  async find(id: string): Promise<User | undefined> {
    if (!/^[0-9a-f-]{36}$/.test(id)) return undefined;
    return this.database.current
      .selectFrom('users')
      .select(PUBLIC_COLUMNS)
      .where('id', '=', id)
      .where('disabled', '=', false)
      .executeTakeFirst();
  }

  /**
   * The user with this name and password. Takes as long for a name that does not exist.
   *
   * @throws PasswordCheckBusyError
   */
  async authenticate(username: string, password: string): Promise<User | undefined> {
    const found = await this.#byName(username);
    const matches = await this.hasher.verify(password, found?.password_hash);
    if (!matches || found === undefined || found.disabled) return undefined;
    if (this.hasher.isOutdated(found.password_hash)) await this.#setPassword(found.id, password);
    const { id, name, roles } = found;
    return { id, username: found.username, name, roles };
  }

  /** Creates or updates a user; a password that is the same is not hashed again. */
  async put({ username, password, name, roles }: UserSeed): Promise<void> {
    const found = await this.#byName(username);
    const same = found && (await this.hasher.verify(password, found.password_hash));
    const password_hash = same ? found.password_hash : await this.hasher.hash(password);
    const values = { username, password_hash, name, roles: [...roles], updated_at: new Date() };
    await this.database.current
      .insertInto('users')
      .values(values)
      .onConflict((conflict) => conflict.expression(sql`lower(username)`).doUpdateSet(values))
      .execute();
  }

  async #byName(
    username: string,
  ): Promise<(User & { roles: string[]; password_hash: string; disabled: boolean }) | undefined> {
    return this.database.current
      .selectFrom('users')
      .select([...PUBLIC_COLUMNS, 'password_hash', 'disabled'])
      .where(sql<string>`lower(username)`, '=', username.toLowerCase())
      .executeTakeFirst();
  }

  async #setPassword(id: string, password: string): Promise<void> {
    const password_hash = await this.hasher.hash(password);
    await this.database.current
      .updateTable('users')
      .set({ password_hash, updated_at: new Date() })
      .where('id', '=', id)
      .execute();
  }
}
