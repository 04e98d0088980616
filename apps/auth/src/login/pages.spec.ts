import { useDatabase } from '@rookery/testing/database';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAuth, type AuthUnderTest } from '../testing/auth-under-test.js';
import type { Browser, Visit } from '../testing/browser.js';
import { ADA, Shop } from '../testing/shop.js';

const db = useDatabase();
let auth: AuthUnderTest;
const shop = new Shop(() => auth);

beforeAll(async () => {
  auth = await startAuth(db.url);
});
afterAll(() => auth.stop());

describe('pages', () => {
  async function loginPage(): Promise<{ who: Browser; page: Visit }> {
    const who = shop.browser();
    const { url } = await shop.begin();
    return { who, page: await who.get(url.href) };
  }

  it('cannot be framed, load nothing and are not kept', async () => {
    const { page } = await loginPage();
    const policy = page.headers.get('content-security-policy')!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("form-action 'self' https://shop.test");
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.headers.get('referrer-policy')).toBe('same-origin');
    expect(page.body).not.toMatch(/<script|https?:\/\//);
  });

  it('refuse a form without the page’s token, or from a foreign origin', async () => {
    const { who, page } = await loginPage();
    const action = `${page.url}/login`;
    expect((await who.post(action, { ...ADA })).status).toBe(403);
    expect((await who.post(action, { ...ADA, xsrf: 'x'.repeat(43) })).status).toBe(403);
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.body)![1]!;
    expect((await who.post(action, { ...ADA, xsrf }, 'https://evil.example')).status).toBe(403);
    expect((await who.post(action, { ...ADA, xsrf }, 'null')).status).toBe(403);
  });

  it('refuse a browser that did not begin the sign-in', async () => {
    const { page } = await loginPage();
    const stranger = shop.browser();
    const visit = await stranger.get(page.url);
    expect(visit.status).toBe(400);
    expect(visit.body).toContain('RKY_AUTH_INTERACTION_EXPIRED');
    const asProgram = await auth.fetch(page.url, { headers: { accept: 'application/json' } });
    expect(asProgram.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await asProgram.json()).toMatchObject({ code: 'RKY_AUTH_INTERACTION_EXPIRED' });
  });

  it('refuse a consent before the sign-in', async () => {
    const { who, page } = await loginPage();
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.body)![1]!;
    expect((await who.post(`${page.url}/consent`, { xsrf })).status).toBe(400);
  });

  it('answer a wrong name and a wrong password alike, and escape what was typed', async () => {
    const { who, page } = await loginPage();
    const wrongName = await who.submit(page, '/login', { username: '"><b>', password: 'whatever' });
    const wrongPassword = await who.submit(page, '/login', {
      username: 'ada',
      password: 'whatever',
    });
    expect([wrongName.status, wrongPassword.status]).toEqual([401, 401]);
    expect(wrongName.body).not.toContain('"><b>');
    expect(wrongName.body.replace('&quot;&gt;&lt;b&gt;', 'ada')).toBe(wrongPassword.body);
  });

  it('refuse a password of a megabyte, or none, without hashing it', async () => {
    const { who, page } = await loginPage();
    const long = await who.submit(page, '/login', {
      username: 'ada',
      password: 'x'.repeat(900_000),
    });
    expect(long.status).toBe(400);
    const none = await who.submit(page, '/login', { username: 'ada' });
    expect(none.status).toBe(400);
  });

  it('find a user whatever the case of the name', async () => {
    const { who, page } = await loginPage();
    const visit = await who.submit(page, '/login', {
      username: 'BOB',
      password: 'another password',
    });
    expect(visit.body).toContain('Allow');
  });

  it('slow down guessing, without telling whether the right password came', async () => {
    const { who, page } = await loginPage();
    const statuses: number[] = [];
    for (let i = 0; i < 10; i++) {
      const visit = await who.submit(page, '/login', { username: 'eve', password: `guess ${i}` });
      statuses.push(visit.status);
      if (visit.status === 429) expect(visit.headers.get('retry-after')).toMatch(/^\d+$/);
    }
    expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401]);
    expect(statuses.at(-1)).toBe(429);
  });

  it('change the session id at sign-in, so that a planted one is worth nothing', async () => {
    const { who, page } = await loginPage();
    const before = who.cookie('_session');
    await who.submit(page, '/login', ADA);
    const after = who.cookie('_session');
    expect(after).toBeDefined();
    expect(after).not.toBe(before);
  });

  it('sign out only on confirmation, and return to a registered address only', async () => {
    const flow = await shop.begin();
    const who = shop.browser();
    const callback = await shop.authorize(flow.url, who);
    const tokens = await client.authorizationCodeGrant(flow.config, callback, flow.checks);
    const end = client.buildEndSessionUrl(flow.config, {
      id_token_hint: tokens.id_token!,
      post_logout_redirect_uri: 'https://shop.test/bye',
    });
    const ask = await who.get(end.href);
    expect(ask.body).toContain('Sign out?');
    expect(ask.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    const gone = await who.submit(ask, '/session/end/confirm', { logout: 'yes' });
    expect(gone.url).toMatch(/^https:\/\/shop\.test\/bye/);
    const { url } = await shop.begin({ prompt: 'none', scope: 'openid' });
    expect((await who.get(url.href)).url).toContain('error=login_required');
    const foreign = client.buildEndSessionUrl(flow.config, {
      id_token_hint: tokens.id_token!,
      post_logout_redirect_uri: 'https://evil.example/bye',
    });
    expect((await shop.browser().get(foreign.href)).status).toBe(400);
  });
});
