import { CommandError } from '../cli.errors.js';
import { allScopes, DEMO_CLIENT } from '../secrets/auth-seed.js';
import { DevelopmentSecrets } from '../secrets/development-secrets.js';
import { openWorkspace } from '../workspace/rookery-file.js';
import { WorkspacePaths } from '../workspace/workspace-paths.js';
import { readRunState, type RunState } from './run-state.js';

/** A platform that runs in this workspace, and the client that demos and tests use. */
export interface RunningPlatform {
  readonly state: RunState;
  /** Base address of the gateway. */
  readonly gateway: string;
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
  const { root, file } = openWorkspace();
  const paths = new WorkspacePaths(root);
  const state = readRunState(paths);
  if (state === undefined) throw new CommandError('nothing runs here', 'run `npm start` first');
  const gateway = state.addresses['api-gateway'];
  const issuer = state.addresses['auth'];
  if (!state.ready || gateway === undefined || issuer === undefined) {
    throw new CommandError(
      'the platform is not ready, or runs without api-gateway and auth',
      'wait until `npm start` says it is ready, or start it without --only',
    );
  }
  return {
    state,
    gateway,
    issuer,
    clientId: DEMO_CLIENT,
    clientSecret: new DevelopmentSecrets(paths.secrets).get(`client:${DEMO_CLIENT}`),
    scopes: allScopes(file),
  };
}
