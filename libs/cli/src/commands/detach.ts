import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@rookery/core';
import { CommandError } from '../cli.errors.js';
import { Output } from '../output/output.js';
import { parseRecord } from '../output/pretty-line.js';
import { logFormat, runOptions, type RawRunOptions } from '../run/run-options.js';
import { readRunState } from '../run/run-state.js';
import { openWorkspace } from '../workspace/rookery-file.js';
import { WorkspacePaths } from '../workspace/workspace-paths.js';

const LIMIT_MS = 180_000;
const POLL_MS = 100;

/**
 * Starts the platform in the background and returns once all is ready.
 *
 * @throws CommandError when it did not become ready
 */
export async function upDetached(raw: RawRunOptions, argv: readonly string[]): Promise<void> {
  const workspace = openWorkspace();
  const paths = new WorkspacePaths(workspace.root);
  const mode = raw.one === true ? 'one' : 'processes';
  runOptions(raw, mode, workspace.file);
  if (readRunState(paths) !== undefined) {
    throw new CommandError('this workspace runs already', 'see `npx rookery status`');
  }
  mkdirSync(dirname(paths.log), { recursive: true });
  if (existsSync(paths.log)) renameSync(paths.log, `${paths.log}.1`);
  // Holds the development credentials that a terminal would show.
  const log = openSync(paths.log, 'a', 0o600);
  const bin = fileURLToPath(new URL('../../bin/rookery.js', import.meta.url));
  const child = spawn(process.execPath, [bin, 'up', ...argv, '--log', 'json'], {
    cwd: workspace.root,
    detached: true,
    stdio: ['ignore', log, log],
  });
  let exited = false;
  child.once('exit', () => (exited = true));
  for (const end = systemClock.monotonic() + LIMIT_MS; systemClock.monotonic() < end;) {
    if (exited) throw new CommandError('the platform did not start', lastWords(paths.log));
    const state = readRunState(paths);
    const summary = state?.ready === true ? readSummary(paths.log) : undefined;
    if (state !== undefined && summary !== undefined) {
      const { msg: _, ...links } = summary;
      const seconds = ((state.readyAfterMs ?? 0) / 1_000).toFixed(1);
      new Output(logFormat(raw.log)).summary(
        `all ready in ${seconds} s, in the background; \`npx rookery down\` stops, the log is ${paths.log}`,
        state.processes,
        links,
      );
      child.unref();
      return;
    }
    await systemClock.sleep(POLL_MS);
  }
  child.unref();
  throw new CommandError(
    `not everything is ready after ${LIMIT_MS / 1_000} s`,
    `see \`npx rookery status\` and ${paths.log}; \`npx rookery down\` stops it`,
  );
}

/** The links of the background run's summary, which it writes as one event. */
function readSummary(log: string): Record<string, string> | undefined {
  const line = readFileSync(log, 'utf8')
    .split('\n')
    .findLast((text) => text.includes('"processes":[') && text.includes('"service":"rookery"'));
  const record = line === undefined ? undefined : parseRecord(line);
  if (record === undefined) return undefined;
  const { time: _time, level: _level, service: _service, processes: _processes, ...links } = record;
  return links as Record<string, string>;
}

function lastWords(log: string): string {
  const line = readFileSync(log, 'utf8').trim().split('\n').at(-1) ?? '';
  const message = parseRecord(line)?.['msg'];
  return typeof message === 'string' ? message : line || `see ${log}`;
}
