import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { watch } from 'chokidar';
import type { ManagedProcess } from '../process/managed-process.js';
import type { ProcessGroup } from '../process/process-group.js';
import type { RunContext } from '../run/prepared-run.js';

/** An editor writes several files, or one in several steps: they are one change. */
const SETTLE_MS = 30;
/** A restart is for a developer who waits: an app that does not drain by then is killed. */
const GRACE_MS = 1_500;
const IGNORED = /(^|[/\\])(node_modules|dist|files)([/\\]|$)|\.(spec|bench|d)\.ts$/;

/** Restarts what a saved file affects. */
export interface SourceWatch {
  /** Takes what a process says about the sources it is made of. */
  readonly onMessage: (process: ManagedProcess, message: unknown) => void;
  readonly close: () => Promise<void>;
}

/**
 * Watches the workspace's sources. Each process tells which of them it has loaded, so that a saved
 * file restarts exactly the apps made of it; one that ended because of an error is started by any
 * change, since it cannot have told all.
 */
export function watchSources(
  { workspace, output, clock }: RunContext,
  group: () => ProcessGroup | undefined,
): SourceWatch {
  const loaded = new Map<ManagedProcess, Set<string>>();
  const contents = new Map<string, string>();
  const changed = new Set<string>();
  let cancel: (() => void) | undefined;

  const restart = (): void => {
    const files = [...changed];
    changed.clear();
    const affected = (group()?.processes ?? []).filter(
      (process) =>
        process.state === 'crashed' ||
        // Has told nothing yet, and may have read the old content.
        (process.state === 'starting' && !loaded.has(process)) ||
        files.some((file) => loaded.get(process)?.has(file)),
    );
    if (affected.length === 0) return;
    const names = files.map((file) => relative(workspace.root, file)).join(', ');
    const since = clock.monotonic();
    output.event(
      'info',
      `${names} changed: restarting ${affected.map(({ name }) => name).join(', ')}`,
    );
    for (const process of affected) {
      loaded.delete(process);
      void process.restart(GRACE_MS).then(() => {
        const took = Math.round(clock.monotonic() - since);
        output.event('info', `${process.name} restarts on the new sources (after ${took} ms)`);
      });
    }
  };

  const onChange = (file: string): void => {
    const content = digest(file);
    if (content === undefined || contents.get(file) === content) return;
    contents.set(file, content);
    changed.add(file);
    cancel?.();
    cancel = clock.after(SETTLE_MS, restart);
  };

  const folders = ['apps', 'libs'].map((folder) => join(workspace.root, folder));
  const watcher = watch(folders, {
    ignoreInitial: true,
    ignored: (path, stats) =>
      IGNORED.test(relative(workspace.root, path)) ||
      (stats?.isFile() === true && !path.endsWith('.ts')),
  });
  watcher.on('change', onChange).on('add', onChange);
  watcher.on('error', (error) => output.event('warn', `cannot watch: ${String(error)}`));

  return {
    onMessage: (process, message) => {
      const { rookery, files } = message as { rookery?: string; files?: string[] };
      if (rookery !== 'sources' || files === undefined) return;
      const known = loaded.get(process) ?? new Set();
      loaded.set(process, known);
      for (const file of files) {
        known.add(file);
        const content = contents.has(file) ? undefined : digest(file);
        if (content !== undefined) contents.set(file, content);
      }
    },
    close: async () => {
      cancel?.();
      await watcher.close();
    },
  };
}

/** To tell a save that changed nothing; `undefined` when the file is gone. */
function digest(file: string): string | undefined {
  try {
    return createHash('sha1').update(readFileSync(file)).digest('base64');
  } catch {
    return undefined;
  }
}
