import { existsSync, readFileSync, rmSync } from 'node:fs';
import type { Row } from '../output/table.js';
import { writePrivately } from '../secrets/development-secrets.js';
import type { WorkspacePaths } from '../workspace/workspace-paths.js';

/** What runs in a workspace, as another terminal may read it. Holds no secret. */
export interface RunState {
  /** The process that owns the run. */
  readonly pid: number;
  readonly startedAt: string;
  readonly mode: 'processes' | 'one' | 'dev';
  /** Whether everything has been ready since the start. */
  readonly ready: boolean;
  /** Milliseconds from the start until all was ready. */
  readonly readyAfterMs?: number | undefined;
  readonly processes: readonly (Row & { readonly app: string })[];
  readonly brokers: readonly string[];
  /** Base address of each app's first instance: `http://127.0.0.1:8080`. */
  readonly addresses: Readonly<Record<string, string>>;
}

/** The state of the run of a workspace; `undefined` when nothing runs. */
export function readRunState(paths: WorkspacePaths): RunState | undefined {
  if (!existsSync(paths.state)) return undefined;
  try {
    const state = JSON.parse(readFileSync(paths.state, 'utf8')) as RunState;
    return isRunning(state.pid) ? state : undefined;
  } catch {
    return undefined;
  }
}

/** Writes it, readable by the owner only. */
export function writeRunState(paths: WorkspacePaths, state: RunState): void {
  writePrivately(paths.state, state);
}

/** Removes it at the end of a run. */
export function clearRunState(paths: WorkspacePaths): void {
  rmSync(paths.state, { force: true });
  rmSync(paths.environments, { force: true });
}

/** Whether a process is there, whoever owns it. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
