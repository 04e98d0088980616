import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliProcess } from '../testing/cli-process.js';
import { FixtureWorkspace } from '../testing/fixture-workspace.js';

const CONTRACT = (fields: string, more = ''): string => `
import { defineEvent } from '@rookery/messaging';
import { z } from 'zod';
export const Placed = defineEvent('shop.placed', {
  topic: 'shop.events',
  owner: 'shop',
  key: (data) => data.id,
  versions: { 1: z.object({ id: z.string(), note: z.string().optional() })${fields} },
  ${more}
});
`;

const HANDLER = (uses: string): string => `
import { Injectable, Module } from '@nestjs/common';
import { OnEvent } from '@rookery/messaging';
import { Placed } from '../../../libs/contracts/src/index.js';
@Injectable()
class Mails {
  @OnEvent(Placed${uses})
  async placed(): Promise<void> {}
}
@Module({ providers: [Mails] })
class MailFeature {}
@Module({ imports: [Promise.resolve({ module: MailFeature })] })
export class MailModule {}
`;

describe('rookery contracts', () => {
  let workspace: FixtureWorkspace;
  beforeEach(async () => {
    workspace = await FixtureWorkspace.create({ mail: {} });
    const file = join(workspace.root, 'rookery.json');
    const { apps } = JSON.parse(readFileSync(file, 'utf8')) as { apps: { mail: object } };
    workspace.write(
      'rookery.json',
      JSON.stringify({ apps: { mail: { ...apps.mail, kafka: true } } }),
    );
    workspace.write(
      'libs/contracts/package.json',
      JSON.stringify({
        name: '@x/contracts',
        type: 'module',
        exports: { '.': { 'rookery:source': './src/index.ts' } },
      }),
    );
    workspace.write('libs/contracts/src/index.ts', CONTRACT(''));
    workspace.write('apps/mail/src/mail.module.ts', HANDLER(''));
  });
  afterEach(() => workspace.remove());

  const run = async (...argv: string[]): Promise<{ code: unknown; said: string }> => {
    const { code, cli } = await CliProcess.run(workspace.root, 'contracts', ...argv);
    return { code, said: cli.lines.map(({ msg }) => msg).join('\n') + cli.errors };
  };
  const json = async (): Promise<{ code: unknown; report: Report }> => {
    const { code, cli } = await CliProcess.run(workspace.root, 'contracts', 'check', '--json');
    return { code, report: cli.lines[0] as unknown as Report };
  };
  interface Report {
    ok: boolean;
    findings: { rule: string; severity: string; path?: string; consumers: string[] }[];
  }

  it('lock what is there and refuse what breaks a handler, which is named', async () => {
    const before = await run('check');
    expect(before).toMatchObject({ code: 1 });
    expect(before.said).toContain('run rookery contracts lock');

    const lock = await run('lock');
    expect(lock, lock.said).toMatchObject({ code: 0 });
    expect(lock.said).toContain('locked 1 contracts');
    expect(existsSync(join(workspace.root, 'contracts/samples/shop.placed.v1.json'))).toBe(true);
    const consumers = readFileSync(join(workspace.root, 'contracts/consumers.lock.json'), 'utf8');
    expect(JSON.parse(consumers)).toMatchObject({
      consumers: { 'shop.placed': [{ service: 'mail', consumer: 'Mails.placed' }] },
    });
    expect(await json()).toMatchObject({ code: 0, report: { ok: true, findings: [] } });

    workspace.write(
      'libs/contracts/src/index.ts',
      CONTRACT(', 2: z.object({ id: z.string() })', 'upcast: { 1: ({ id }) => ({ id }) },'),
    );
    const broken = await json();
    expect(broken.code).toBe(1);
    expect(broken.report.findings).toContainEqual(
      expect.objectContaining({
        rule: 'optional-field-removed',
        severity: 'error',
        path: '$.note',
        consumers: ['mail/Mails.placed'],
      }),
    );
    const text = await run('check');
    expect(text.said).toContain('shop.placed v2 -> v1 $.note [optional-field-removed]');
    expect(text.said).toContain('hits mail/Mails.placed');
    expect(await run('lock')).toMatchObject({ code: 1 });

    workspace.write('apps/mail/src/mail.module.ts', HANDLER(`, { uses: ['id'] }`));
    expect(await run('lock')).toMatchObject({ code: 0 });
    expect(await json()).toMatchObject({ code: 0 });

    workspace.write(
      'libs/contracts/src/index.ts',
      CONTRACT('').replace('note: z.string()', 'note: z.int()'),
    );
    const changed = await run('check');
    expect(changed.said).toContain('version 1 was changed: add version 3');
  }, 60_000);

  it('are published to a schema registry from their lock files alone', async () => {
    const asked: string[] = [];
    const registry = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.end('{"id":7}');
    });
    await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(registry.address() as AddressInfo).port}`;
    try {
      const early = await run('publish', '--registry', url);
      expect(early.said).toContain('run rookery contracts lock');
      await run('lock');
      workspace.write('libs/contracts/src/index.ts', `import './gone.js';`);
      const { code, said } = await run('publish', '--registry', url);
      expect(code, said).toBe(0);
      expect(said).toContain('shop.placed v1  id 7');
      expect(asked).toEqual(['PUT /config/shop.placed', 'POST /subjects/shop.placed/versions']);
      expect((await run('publish')).said).toContain('no schema registry is named');
    } finally {
      await new Promise((resolve) => registry.close(resolve));
    }
  }, 60_000);

  it('are told to the world as AsyncAPI', async () => {
    const { code, cli } = await CliProcess.run(workspace.root, 'asyncapi', 'mail');
    expect(code, cli.errors).toBe(0);
    const document: unknown = JSON.parse(cli.text());
    expect(document).toMatchObject({
      asyncapi: '3.1.0',
      operations: { 'receive.shop.placed': { action: 'receive' } },
    });
    const yaml = await CliProcess.run(workspace.root, 'asyncapi', '--yaml');
    expect(yaml.cli.text()).toContain('receive.shop.placed:');
    const wrong = await CliProcess.run(workspace.root, 'asyncapi', 'shop');
    expect(wrong.code).toBe(1);
    expect(wrong.cli.errors).toContain('shop is no app with messages: use one of mail');
  }, 60_000);

  it('say what is wrong with the package of the contracts', async () => {
    workspace.write('libs/contracts/src/index.ts', `import './gone.js';`);
    const { code, said } = await run('check');
    expect(code).toBe(1);
    expect(said).toMatch(/index\.ts cannot be imported: .*gone\.js/);
  }, 30_000);
});
