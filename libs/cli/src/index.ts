export { openWorkspace, type Workspace } from './workspace/rookery-file.js';
export { WorkspacePaths } from './workspace/workspace-paths.js';
export { readRunState, type RunState } from './run/run-state.js';
export { DevelopmentSecrets } from './secrets/development-secrets.js';
