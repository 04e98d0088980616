import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ShopClient } from '../../libs/cli/src/demo/shop-client.js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ScratchWorkspace, type Platform } from '../e2e/scratch-workspace.js';

let workspace: ScratchWorkspace;

beforeAll(() => {
  workspace = new ScratchWorkspace();
  execFileSync('git', ['init', '--quiet'], { cwd: workspace.root });
  commit('as cloned');
});

afterAll(() => workspace.remove());

function commit(message: string): void {
  const who = ['-c', 'user.name=test', '-c', 'user.email=test@example.org'];
  execFileSync('git', ['add', '--all'], { cwd: workspace.root });
  execFileSync('git', [...who, 'commit', '--quiet', '--allow-empty', '-m', message], {
    cwd: workspace.root,
  });
}

/** What git sees as changed since the last commit. */
function changes(): string {
  return execFileSync('git', ['status', '--short'], { cwd: workspace.root, encoding: 'utf8' });
}

/** Runs `nest` as a script would: its standard input is no terminal. */
function nest(...args: string[]): string {
  return workspace.run('nest', args);
}

/** The whole of `npm run lint`; throws with what it says when it is not green. */
function lint(): string {
  return workspace.run('npm', ['run', '--silent', 'lint']);
}

describe('nest g app', () => {
  beforeAll(() => {
    nest('g', 'app', 'billing');
    commit('billing');
  });

  it('makes a context whose lint is green without an edit', () => {
    expect(lint()).toContain('no dependency violations');
  });

  it('makes a context that builds', () => {
    expect(nest('build', 'billing')).toContain('compiled');
  });

  it('makes a context whose tests pass', () => {
    expect(workspace.run('npx', ['vitest', 'run', 'apps/billing'])).toMatch(/Tests .*passed/);
  });

  it('keeps the lockfile complete, so that npm ci goes on working', () => {
    const installed = workspace.run('npm', ['ci', '--dry-run', '--ignore-scripts']);
    expect(installed).toContain('add @apps/billing');
    expect(changes()).toBe('');
  });

  it('changes nothing when it is run again, whatever was edited in between', () => {
    const controller = join(workspace.root, 'apps/billing/src/item/item.controller.ts');
    const before = readFileSync(controller, 'utf8');
    nest('g', 'app', 'billing');
    expect(readFileSync(controller, 'utf8')).toBe(before);
    expect(changes()).toBe('');
  });

  it('makes contexts side by side, also with names of several words', () => {
    nest('g', 'app', 'gift-cards');
    commit('gift-cards');
    expect(lint()).toContain('no dependency violations');
    const { apps } = JSON.parse(readFileSync(join(workspace.root, 'rookery.json'), 'utf8')) as {
      apps: Record<string, { port: number }>;
    };
    const ports = Object.values(apps).map(({ port }) => port);
    expect(new Set(ports).size).toBe(ports.length);
    expect(apps).toHaveProperty('gift-cards');
  });

  it.each(['Kafka', 'platform', 'x', '1st', 'a/b'])(
    'refuses the name %s and writes nothing',
    (name) => {
      try {
        nest('g', 'app', name);
      } catch {
        // The exit code is the Nest CLI's affair; what counts is that nothing was written.
      }
      expect(changes()).toBe('');
    },
  );

  it('starts with the platform and answers through the gateway', async () => {
    const platform: Platform = await workspace.up('--only', 'billing,gift-cards,api-gateway');
    try {
      const { scopes, ...shop } = platform.shop();
      expect(scopes).toContain('billing:write');
      const client = new ShopClient({ ...shop, scopes });
      await vi.waitFor(async () => expect((await client.get('/billing/status')).status).toBe(200), {
        timeout: 30_000,
        interval: 250,
      });
      const added = await client.post('/billing/items', { name: 'first' });
      expect(added).toMatchObject({ status: 201, body: { name: 'first', announcedAt: null } });
      const path = `/billing/items/${String(added.body['id'])}`;
      await vi.waitFor(
        async () =>
          expect((await client.get(path)).body['announcedAt']).toEqual(expect.any(String)),
        { timeout: 30_000, interval: 100 },
      );
      expect((await client.get('/billing/status')).body).toEqual({ service: 'billing', items: 1 });
      expect((await client.get('/gift-cards/status')).body).toEqual({
        service: 'gift-cards',
        items: 0,
      });

      const refused = await client.post('/billing/items', { name: '', price: 1 });
      expect(refused.status).toBe(400);
      const anonymous = await fetch(`${platform.address('api-gateway')}/billing/status`);
      expect(anonymous.status).toBe(401);
      const reader = new ShopClient({ ...shop, scopes: ['billing:read'] });
      expect((await reader.post('/billing/items', { name: 'second' })).status).toBe(403);
    } finally {
      const { left } = await platform.stop();
      expect(left).toEqual([]);
    }
  });
});

describe('nest g library', () => {
  beforeAll(() => {
    nest('g', 'library', 'money');
    commit('money');
  });

  it('makes a package that is linted, tested and built', () => {
    expect(lint()).toContain('no dependency violations');
    expect(workspace.run('npx', ['vitest', 'run', 'libs/money'])).toMatch(/Tests .*passed/);
    nest('build', 'money');
  });

  it('makes a package that others import by its name', () => {
    const said = workspace.run('node', [
      '--input-type=module',
      '--eval',
      `console.log((await import('@rookery/money')).describeMoney())`,
    ]);
    expect(said.trim()).toBe('@rookery/money');
  });

  it('changes nothing when it is run again', () => {
    nest('g', 'library', 'money');
    expect(changes()).toBe('');
  });
});

describe('the inherited generators', () => {
  it('add to a project that is named, without a terminal', () => {
    nest('g', 'controller', 'invoice', '--project', 'billing');
    expect(changes()).toContain('apps/billing/src/invoice/');
    expect(workspace.run('npx', ['vitest', 'run', 'invoice.controller'])).toMatch(/Tests .*passed/);
    nest('build', 'billing');
  });
});
