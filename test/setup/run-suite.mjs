import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * Runs a vitest suite that takes numbers from the command line and leaves a report, and prints it:
 * as text, or with `--json` as the only thing on standard output. `options` are names and defaults;
 * `--seed` is always there, and what is unknown goes to vitest.
 */
export function runSuite({ config, prefix, options, summary }) {
  const defaults = { ...options, seed: String(Math.floor(Math.random() * 1_000_000)) };
  const { values, tokens } = parseArgs({
    options: {
      ...Object.fromEntries(
        Object.entries(defaults).map(([name, value]) => [name, { type: 'string', default: value }]),
      ),
      json: { type: 'boolean', default: false },
    },
    strict: false,
    tokens: true,
  });
  for (const name of Object.keys(defaults)) {
    if (/^\d+(\.\d+)?$/.test(values[name]) && (name === 'seed' || Number(values[name]) > 0))
      continue;
    process.stderr.write(
      `--${name}: '${values[name]}' is not allowed, expected a number above 0\n`,
    );
    process.exit(2);
  }
  const folder = mkdtempSync(join(tmpdir(), 'rookery-suite-'));
  const file = join(folder, 'report.json');
  const settings = Object.keys(defaults).map((name) => [
    `${prefix}_${name.toUpperCase()}`,
    values[name],
  ]);
  const { status } = spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--config', config, ...others(tokens, defaults)],
    {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: { ...process.env, ...Object.fromEntries(settings), [`${prefix}_REPORT`]: file },
      stdio: ['ignore', values.json ? 2 : 'inherit', 'inherit'],
    },
  );
  const report = read(file);
  rmSync(folder, { recursive: true, force: true });
  if (report === undefined) process.stderr.write('no report: the suite did not get that far\n');
  else
    process.stdout.write(
      values.json ? `${JSON.stringify(report, undefined, 2)}\n` : summary(report),
    );
  process.exitCode = report === undefined ? status || 1 : (status ?? 1);
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** What was given for vitest, as it was given. */
function others(tokens, defaults) {
  return tokens
    .filter(({ kind, name }) => kind !== 'option' || (name !== 'json' && !(name in defaults)))
    .map(({ kind, rawName, value }) => {
      if (kind === 'option') return value === undefined ? rawName : `${rawName}=${value}`;
      return value ?? '--';
    });
}
