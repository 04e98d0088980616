import { CommandError } from '../cli.errors.js';
import { allScopes, DEMO_CLIENT } from '../secrets/auth-seed.js';
import { DevelopmentSecrets } from '../secrets/development-secrets.js';
import { openWorkspace } from '../workspace/rookery-file.js';
import { WorkspacePaths } from '../workspace/workspace-paths.js';
import { readRunState, type RunState } from './run-state.js';

/** A platform that runs in this workspace, with its gateway, and the client that demos use. */
export interface RunningPlatform extends RunningIssuer {
  /** Base address of the gateway. */
  readonly gateway: string;
}

/** What runs in this workspace, and the client that demos and tests get tokens as. */
export interface RunningIssuer {
  readonly state: RunState;
  /** Issuer of tokens. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Every scope of the workspace. */
  readonly scopes: readonly string[];
}

/**
 * Finds what runs in the workspace of this folder.
 *
 * @throws CommandError when nothing runs, or not all of it is ready
 */
export function findRunningPlatform(): RunningPlatform {
  const platform = findRunningIssuer();
  return { ...platform, gateway: addressOf('api-gateway', platform.state) };
}

/**
 * The same for a run that may have no gateway.
 *
 * @throws CommandError when nothing runs, it is not ready, or it has no auth
 */
export function findRunningIssuer(): RunningIssuer {
  const { root, file } = openWorkspace();
  const paths = new WorkspacePaths(root);
  const state = readRunState(paths);
  if (state === undefined) throw new CommandError('nothing runs here', 'run `npm start` first');
  if (!state.ready) {
    throw new CommandError(
      'the platform is not ready yet',
      'wait until `npm start` says that all is ready; `npx rookery status` shows what is missing',
    );
  }
  return {
    state,
    issuer: addressOf('auth', state),
    clientId: DEMO_CLIENT,
    clientSecret: new DevelopmentSecrets(paths.secrets).get(`client:${DEMO_CLIENT}`),
    scopes: allScopes(file),
  };
}

function addressOf(app: string, { addresses }: RunState): string {
  const address = addresses[app];
  if (address !== undefined) return address;
  throw new CommandError(
    `the platform runs without ${app}`,
    `stop it and start it without --only, or with --only ${[...Object.keys(addresses), app].join(',')}`,
  );
}
