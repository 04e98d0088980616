import { kafkaProbe } from '../process/readiness.js';
import { table, type Row } from '../output/table.js';
import { readyProbe } from '../run/run-processes.js';
import { readRunState, type RunState } from '../run/run-state.js';
import { openWorkspace } from '../workspace/rookery-file.js';
import { WorkspacePaths } from '../workspace/workspace-paths.js';

/**
 * Shows what runs, asking each app itself: `rookery status`.
 *
 * @returns whether everything is ready
 */
export async function status(json: boolean, say: (text: string) => void): Promise<boolean> {
  const state = readRunState(new WorkspacePaths(openWorkspace().root));
  if (state === undefined) {
    say(json ? JSON.stringify({ running: false }) : 'nothing runs here; start it with `npm start`');
    return false;
  }
  const processes = await Promise.all(state.processes.map(observed));
  if (json) say(JSON.stringify({ running: true, ...state, processes }));
  else {
    say(table(processes));
    say(`\n  pid ${state.pid}, since ${state.startedAt}`);
  }
  return state.ready && processes.every((row) => !/not ready|crashed|gone/.test(row.state));
}

async function observed(row: RunState['processes'][number]): Promise<Row> {
  if (row.port === undefined || row.app === 'postgres' || row.state !== 'ready') return row;
  const probe = row.app === 'kafka' ? kafkaProbe('127.0.0.1', row.port) : readyProbe(row.port);
  return { ...row, state: (await probe()) ? 'ready' : 'not ready' };
}
