import type { RookeryFile } from '../workspace/rookery-file.js';
import type { DevelopmentSecrets } from './development-secrets.js';

/** Scope of the management endpoints that are not public. */
const OPERATIONS = 'ops:read';
/** Scope of those that change something, for people and not for apps. */
const OPERATIONS_WRITE = 'ops:write';
/** Name of the confidential client for `curl`, demos and tests. */
export const DEMO_CLIENT = 'demo';
/** Name of the user to sign in as. */
export const DEMO_USER = 'alice';

/** What the auth app fills its database with at the start of a development run. */
export interface AuthSeed {
  readonly clients: readonly {
    readonly id: string;
    readonly secret?: string;
    readonly scopes: readonly string[];
    readonly grants: readonly string[];
    readonly redirectUris?: readonly string[];
  }[];
  readonly users: readonly {
    readonly username: string;
    readonly password: string;
    readonly name: string;
    readonly roles: readonly string[];
  }[];
}

/** All scopes of a workspace's apps, and those for operations. */
export function allScopes(file: RookeryFile): string[] {
  const ofApps = Object.values(file.apps).flatMap((app) => app.scopes);
  return [...new Set([...ofApps, OPERATIONS, OPERATIONS_WRITE])];
}

/** A client for demos, one for browsers, one for each app, and a user. */
export function authSeed(file: RookeryFile, secrets: DevelopmentSecrets): AuthSeed {
  const scopes = allScopes(file);
  return {
    clients: [
      {
        id: DEMO_CLIENT,
        secret: secrets.get(`client:${DEMO_CLIENT}`),
        scopes,
        grants: ['client_credentials'],
      },
      {
        id: 'web',
        scopes: ['openid', 'profile', 'offline_access', ...scopes],
        grants: ['authorization_code', 'refresh_token'],
        redirectUris: ['http://127.0.0.1:3000/callback'],
      },
      ...Object.entries(file.apps).map(([id, app]) => ({
        id,
        secret: secrets.get(`client:${id}`),
        scopes: [
          ...new Set([
            OPERATIONS,
            ...app.scopes,
            ...app.calls.flatMap((name) => file.apps[name]?.scopes ?? []),
          ]),
        ],
        grants: ['client_credentials'],
      })),
    ],
    users: [
      {
        username: DEMO_USER,
        password: secrets.get(`user:${DEMO_USER}`),
        name: 'Alice',
        roles: ['customer', 'operator'],
      },
    ],
  };
}
