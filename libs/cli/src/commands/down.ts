import { systemClock } from '@rookery/core';
import { EmbeddedPostgres } from '@rookery/persistence/embedded-postgres';
import { clearRunState, isRunning, readRunState } from '../run/run-state.js';
import { openWorkspace } from '../workspace/rookery-file.js';
import { WorkspacePaths } from '../workspace/workspace-paths.js';

const LIMIT_MS = 10_000;
const POLL_MS = 50;

/** Stops the workspace's run, and a PostgreSQL that outlived one: `rookery down`. */
export async function down(say: (text: string) => void): Promise<void> {
  const paths = new WorkspacePaths(openWorkspace().root);
  const state = readRunState(paths);
  if (state !== undefined) {
    process.kill(state.pid, 'SIGTERM');
    if (await isGone(state.pid)) say('stopped');
    else {
      // The apps notice that their parent is gone, and end by themselves.
      process.kill(state.pid, 'SIGKILL');
      clearRunState(paths);
      say(`killed: it did not stop within ${LIMIT_MS / 1_000} s`);
    }
  }
  const outlived = await EmbeddedPostgres.stop(paths.postgres);
  if (outlived) say('stopped the PostgreSQL that outlived its run');
  else if (state === undefined) say('nothing runs here');
}

async function isGone(pid: number): Promise<boolean> {
  for (const end = systemClock.monotonic() + LIMIT_MS; systemClock.monotonic() < end;) {
    if (!isRunning(pid)) return true;
    await systemClock.sleep(POLL_MS);
  }
  return false;
}
