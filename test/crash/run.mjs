// `npm run test:crash -- --runs 30 --seed 7 --json`: what else is given goes to vitest.
import { runSuite } from '../setup/run-suite.mjs';

const COLUMNS = ['runs', 'killed', 'orders', 'lost', 'doubled', 'inverted'];

runSuite({
  config: 'vitest.crash.config.ts',
  prefix: 'CRASH',
  options: { runs: '2' },
  summary: ({ seed, runs, seconds, points, broken }) =>
    [
      '',
      line('kill -9 at', COLUMNS),
      ...points.map(row),
      '',
      line('broken on purpose: must lose or double', COLUMNS),
      ...broken.map(row),
      '',
      `seed ${seed}, ${runs} runs at each point, ${seconds} s`,
      '',
    ].join('\n'),
});

function row(each) {
  return line(
    each.name,
    COLUMNS.map((column) => each[column]),
  );
}

function line(name, cells) {
  return `${name.padEnd(60)}${cells.map((cell) => `${cell}`.padStart(9)).join('')}`;
}
