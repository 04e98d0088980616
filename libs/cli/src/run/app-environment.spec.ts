import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DevelopmentSecrets } from '../secrets/development-secrets.js';
import { WorkspacePaths } from '../workspace/workspace-paths.js';
import { appEnvironment } from './app-environment.js';

const paths = new WorkspacePaths(mkdtempSync(join(tmpdir(), 'rookery-environment-')));
const secrets = new DevelopmentSecrets(paths.secrets);
const run = {
  ports: new Map([
    ['config-server', 1],
    ['discovery', 2],
    ['auth', 3],
    ['orders', 4],
  ]),
  brokers: ['127.0.0.1:9', 'other:9'],
  databases: new Map([['orders', 'postgres://orders@127.0.0.1/orders']]),
};
const of = (app: string, instance = `${app}-1`) =>
  appEnvironment(app, instance, 4_000, run, secrets, paths);

it('tells an instance its port, database, brokers, neighbours and secrets', () => {
  expect(of('orders', 'orders-2')).toEqual({
    ROOKERY_PROFILE: 'development',
    ROOKERY_INSTANCE: 'orders-2',
    PORT: '4000',
    LOG_FORMAT: 'json',
    DATABASE_URL: 'postgres://orders@127.0.0.1/orders',
    KAFKA_BROKERS: '127.0.0.1:9,other:9',
    CONFIG_URL: `http://config:${secrets.get('config-server')}@127.0.0.1:1`,
    DISCOVERY_URL: `http://discovery:${secrets.get('discovery')}@127.0.0.1:2/eureka`,
    AUTH_ISSUER: 'http://127.0.0.1:3',
    AUTH_CLIENT_ID: 'orders',
    AUTH_CLIENT_SECRET: secrets.get('client:orders'),
  });
});

it('tells each part of the platform what only it may know', () => {
  expect(of('config-server')).toMatchObject({
    CONFIG_SERVER_USERNAME: 'config',
    CONFIG_SERVER_PASSWORD: secrets.get('config-server'),
    CONFIG_SERVER_ROOT: join(paths.root, 'config'),
  });
  expect(of('config-server')).not.toHaveProperty('CONFIG_URL');
  expect(of('discovery')).toMatchObject({ DISCOVERY_SERVER_PASSWORD: secrets.get('discovery') });
  expect(of('auth')).toMatchObject({ AUTH_SEED_FILE: paths.authSeed });
  expect(of('orders')).not.toHaveProperty('AUTH_SEED_FILE');
});
