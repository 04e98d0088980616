import { systemClock } from '@rookery/core';
import { buildApps } from '../build/build-apps.js';
import { CommandError } from '../cli.errors.js';
import { watchSources } from '../dev/watch-sources.js';
import { Output } from '../output/output.js';
import { PlatformRun } from '../run/platform-run.js';
import { prepareRun, type PreparedRun, type RunContext } from '../run/prepared-run.js';
import { runOptions, type RawRunOptions, type RunOptions } from '../run/run-options.js';
import { readRunState } from '../run/run-state.js';
import { onStopSignals } from '../run/stop-signals.js';
import { summaryLinks } from '../run/summary.js';
import { openWorkspace } from '../workspace/rookery-file.js';
import { WorkspacePaths } from '../workspace/workspace-paths.js';

/**
 * Starts the platform and stays until it is told to stop: `rookery up`, `up --one` and `dev`.
 *
 * @throws CommandError when it cannot be started as asked
 */
export async function up(raw: RawRunOptions, mode: RunOptions['mode']): Promise<void> {
  const begun = systemClock.monotonic() - process.uptime() * 1_000;
  const workspace = openWorkspace();
  const paths = new WorkspacePaths(workspace.root);
  const options = runOptions(raw, mode, workspace.file);
  refuseSecondRun(paths);
  const output = new Output(options.format);
  const context: RunContext = { workspace, paths, output, clock: systemClock };

  const ending = new AbortController();
  const stopAsked = new Promise<void>((resolve) =>
    ending.signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  let run: PlatformRun | undefined;
  const release = onStopSignals(
    systemClock,
    () => ending.abort(),
    () => {
      run?.kill();
      process.exit(130);
    },
  );
  // A reader that went away, as in `rookery up | head`, is a request to stop as well.
  process.stdout.on('error', () => ending.abort());
  try {
    const prepared = await prepare(context, options, ending.signal);
    let stopWatching: (() => Promise<void>) | undefined;
    try {
      const sources = mode === 'dev' ? watchSources(context, () => run?.group) : undefined;
      stopWatching = sources?.close;
      run = new PlatformRun(context, options, prepared, begun, sources?.onMessage);
      const ready = run
        .start()
        .then((readyAfterMs) => announce(run, context, prepared, readyAfterMs));
      await Promise.race([ready.then(() => stopAsked), stopAsked]);
    } finally {
      await stopWatching?.();
      const since = systemClock.monotonic();
      if (run !== undefined) await run.stop();
      else await prepared.postgres?.stop();
      const took = ((systemClock.monotonic() - since) / 1_000).toFixed(1);
      output.event('info', `stopped in ${took} s`);
    }
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  } finally {
    release();
  }
}

function refuseSecondRun(paths: WorkspacePaths): void {
  const running = readRunState(paths);
  if (running === undefined) return;
  throw new CommandError(
    `this workspace runs already (pid ${running.pid})`,
    'see `npx rookery status`, or stop it with `npx rookery down`',
  );
}

/** Builds and prepares side by side; what was started is stopped when either fails. */
async function prepare(
  context: RunContext,
  options: RunOptions,
  signal: AbortSignal,
): Promise<PreparedRun> {
  const building =
    options.mode === 'dev'
      ? Promise.resolve({ built: false })
      : buildApps(context.workspace, context.paths, signal);
  const [build, prepared] = await Promise.allSettled([building, prepareRun(context, options)]);
  if (prepared.status === 'rejected') throw prepared.reason;
  if (build.status === 'fulfilled') return prepared.value;
  await prepared.value.postgres?.stop();
  throw build.reason;
}

async function announce(
  run: PlatformRun | undefined,
  context: RunContext,
  prepared: PreparedRun,
  readyAfterMs: number,
): Promise<void> {
  if (run === undefined) return;
  const links = await summaryLinks(context, prepared);
  const seconds = (readyAfterMs / 1_000).toFixed(1);
  context.output.summary(`all ready in ${seconds} s; Ctrl-C stops`, run.rows(), links);
}
