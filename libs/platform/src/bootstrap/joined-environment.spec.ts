import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { joinedEnvironment } from './joined-environment.js';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'joined-'));
  mkdirSync(join(root, '.rookery/run'), { recursive: true });
  mkdirSync(join(root, 'apps/orders'), { recursive: true });
  writeFileSync(
    join(root, '.rookery/run/environments.json'),
    JSON.stringify({ orders: { DATABASE_URL: 'postgres://there', KAFKA_BROKERS: 'there:1' } }),
  );
});

afterEach(() => rmSync(root, { recursive: true }));

describe('an app that is started by itself', () => {
  it('joins the platform that runs in its workspace, on a free port', () => {
    expect(joinedEnvironment('orders', {}, join(root, 'apps/orders'))).toEqual({
      PORT: '0',
      DATABASE_URL: 'postgres://there',
      KAFKA_BROKERS: 'there:1',
    });
  });

  it('keeps what its own environment says', () => {
    const own = { PORT: '8099', KAFKA_BROKERS: 'elsewhere:1' };
    expect(joinedEnvironment('orders', own, root)).toMatchObject({
      ...own,
      DATABASE_URL: 'postgres://there',
    });
  });

  it.each([
    ['in production', { ROOKERY_PROFILE: 'production' }],
    ['with NODE_ENV of production', { NODE_ENV: 'production' }],
    ['when a launcher has started it', { ROOKERY_INSTANCE: 'orders-1' }],
  ])('joins nothing %s', (_when, own) => {
    expect(joinedEnvironment('orders', own, root)).toBe(own);
  });

  it('joins nothing that does not run, or does not know it', () => {
    const own = {};
    expect(joinedEnvironment('billing', own, root)).toBe(own);
    rmSync(join(root, '.rookery'), { recursive: true });
    expect(joinedEnvironment('orders', own, root)).toBe(own);
  });
});
