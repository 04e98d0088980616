// `npm run test:crash -- --runs 30 --seed 7 --json`: what else is given goes to vitest.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values, tokens } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    json: { type: 'boolean', default: false },
  },
  strict: false,
  tokens: true,
});
for (const name of ['runs', 'seed']) {
  if (/^\d+$/.test(values[name]) && (name === 'seed' || values[name] !== '0')) continue;
  process.stderr.write(`--${name}: '${values[name]}' is not allowed, expected a whole number\n`);
  process.exit(2);
}
const own = new Set(['runs', 'seed', 'json']);
const rest = tokens
  .filter((token) => token.kind !== 'option' || !own.has(token.name))
  .map((token) =>
    token.kind === 'option'
      ? `${token.rawName}${token.value === undefined ? '' : `=${token.value}`}`
      : (token.value ?? '--'),
  );

const folder = mkdtempSync(join(tmpdir(), 'rookery-crash-'));
const file = join(folder, 'report.json');
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.crash.config.ts', ...rest],
  {
    cwd: root,
    env: { ...process.env, CRASH_RUNS: values.runs, CRASH_SEED: values.seed, CRASH_REPORT: file },
    // With --json, standard output has the report and nothing else.
    stdio: ['ignore', values.json ? 2 : 'inherit', 'inherit'],
  },
);
let report;
try {
  report = JSON.parse(readFileSync(file, 'utf8'));
} catch {
  process.stderr.write('no report: the suite did not get that far\n');
}
rmSync(folder, { recursive: true, force: true });
if (report !== undefined) {
  process.stdout.write(values.json ? `${JSON.stringify(report, undefined, 2)}\n` : table(report));
}
process.exitCode = report === undefined ? 1 : (status ?? 1);

function table({ seed, runs, seconds, points, broken }) {
  const columns = ['runs', 'killed', 'orders', 'lost', 'doubled', 'inverted'];
  const line = (name, cells) =>
    `${name.padEnd(46)}${cells.map((c) => `${c}`.padStart(9)).join('')}`;
  const rows = (lines) =>
    lines.map((each) =>
      line(
        each.name,
        columns.map((c) => each[c]),
      ),
    );
  return [
    '',
    line('kill -9 at', columns),
    ...rows(points),
    '',
    line('broken on purpose: must lose or double', columns),
    ...rows(broken),
    '',
    `seed ${seed}, ${runs} runs at each point, ${seconds} s`,
    '',
  ].join('\n');
}
