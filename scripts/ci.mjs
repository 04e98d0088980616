// Runs every check one after the other, goes on after a failure, and ends with the totals of all
// tests: `N passed, N failed, N skipped`.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MINUTE = 60_000;

/** `tests`: the step is a vitest run whose tests are counted; otherwise the step counts as one. */
const steps = [
  { name: 'lint', command: ['npm', 'run', 'lint'], minutes: 10 },
  { name: 'build', command: ['npm', 'run', 'build'], minutes: 10 },
  { name: 'test', command: ['npm', 'test', '--'], minutes: 20, tests: true },
  { name: 'docs', command: ['npm', 'run', 'test:docs', '--'], minutes: 10, tests: true },
  { name: 'e2e', command: ['npm', 'run', 'test:e2e', '--'], minutes: 20, tests: true },
  { name: 'crash', command: ['npm', 'run', 'test:crash', '--'], minutes: 20, tests: true },
  { name: 'soak', command: ['npm', 'run', 'test:soak', '--'], minutes: 20, tests: true },
  {
    name: 'conformance',
    command: ['npm', 'run', 'test:conformance', '--'],
    minutes: 15,
    tests: true,
  },
  { name: 'interop', command: ['npm', 'run', 'test:interop', '--'], minutes: 20, tests: true },
];

const only = process.argv.slice(2);
const reports = mkdtempSync(join(tmpdir(), 'rookery-ci-'));
const total = { passed: 0, failed: 0, skipped: 0 };
const summary = [];

for (const step of steps) {
  if (only.length > 0 && !only.includes(step.name)) continue;
  const began = Date.now();
  process.stdout.write(`\n==> ${step.name}: ${step.command.join(' ')}\n`);
  const report = join(reports, `${step.name}.json`);
  const args = step.tests
    ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
    : [];
  const code = await run([...step.command, ...args], step.minutes * MINUTE);
  const counts = step.tests ? countsOf(report) : undefined;
  const result = counts ?? { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
  // A run that ends badly without a failed test (a crash, a file that does not load) has failed.
  if (code !== 0 && result.failed === 0) result.failed = 1;
  for (const key of Object.keys(total)) total[key] += result[key];
  const seconds = Math.round((Date.now() - began) / 1_000);
  summary.push(
    `${step.name}: ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped in ${seconds} s`,
  );
}

rmSync(reports, { recursive: true, force: true });
process.stdout.write(`\n${summary.join('\n')}\n\n`);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
process.stdout.write(`${total.passed} passed, ${total.failed} failed${skipped}\n`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;

function run([file, ...args], timeout) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit'], detached: true });
    const timer = setTimeout(() => {
      process.stdout.write(`took longer than ${timeout / MINUTE} minutes, ended\n`);
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It ended in the meantime.
      }
    }, timeout);
    child.once('error', () => resolve(127));
    child.once('exit', (code) => {
      clearTimeout(timer);
      resolve(code ?? 1);
    });
  });
}

function countsOf(file) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests,
      skipped: report.numPendingTests + (report.numTodoTests ?? 0),
    };
  } catch {
    return undefined;
  }
}
