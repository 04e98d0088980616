import { useDatabase } from '@rookery/testing/database';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAuth, type AuthUnderTest } from '../testing/auth-under-test.js';
import { Shop } from '../testing/shop.js';

const db = useDatabase();
let auth: AuthUnderTest;
/** The same service once more, over the same database. */
let replica: AuthUnderTest;
const shop = new Shop(() => auth);

beforeAll(async () => {
  auth = await startAuth(db.url);
  replica = await startAuth(db.url);
});
afterAll(() => Promise.all([auth.stop(), replica.stop()]));

describe('refresh', () => {
  it('gives a new refresh token each time, whose chain ends when the first one would', async () => {
    const first = await shop.signIn();
    const config = await shop.discover();
    const second = await client.refreshTokenGrant(config, first.refresh_token!);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(second.access_token).not.toBe(first.access_token);
    const { rows } = await db.database.pool.query<{ expires_at: Date }>(
      `select expires_at from artifacts where model = 'RefreshToken' and grant_id = (
         select grant_id from artifacts where model = 'RefreshToken' order by expires_at desc limit 1)`,
    );
    const ends = rows.map(({ expires_at }) => expires_at.getTime());
    expect(Math.max(...ends) - Math.min(...ends)).toBeLessThan(3_000);
  });

  it('revokes the whole family when a used token comes again, within the same second too', async () => {
    const { refresh_token: first } = await shop.signIn();
    const second = (await (await shop.refresh(first!)).json()) as { refresh_token: string };
    const replay = await shop.refresh(first!, replica);
    expect(replay.status).toBe(400);
    expect(await replay.json()).toMatchObject({ error: 'invalid_grant' });
    expect((await shop.refresh(second.refresh_token)).status).toBe(400);
  });

  it('succeeds for at most one of 20 parallel uses on two instances', async () => {
    const { refresh_token: token } = await shop.signIn();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => shop.refresh(token!, i % 2 === 0 ? auth : replica)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  it('is refused after the token was revoked', async () => {
    const { refresh_token: token } = await shop.signIn();
    await client.tokenRevocation(await shop.discover(), token!);
    expect((await shop.refresh(token!)).status).toBe(400);
  });

  it('stores no token that could be used by whoever reads the table', async () => {
    const { refresh_token: token } = await shop.signIn();
    const { rows } = await db.database.pool.query(
      "select * from artifacts where model <> 'Session'",
    );
    expect(JSON.stringify(rows)).not.toContain(token);
  });
});
