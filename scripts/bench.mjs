// `npm run bench` runs all micro-benchmarks, `npm run bench -- saga` those of one package, and
// `npm run bench -- start` measures the whole platform.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const [name, ...rest] = process.argv.slice(2);

const argv =
  name === 'start'
    ? [
        '--import',
        new URL('../libs/cli/runtime/source-hook.js', import.meta.url).href,
        at('test/load/start.ts'),
      ]
    : [at('node_modules/vitest/vitest.mjs'), 'bench', '--run', ...filter(), ...rest];

const { status } = spawnSync(process.execPath, argv, { stdio: 'inherit', cwd: at('.') });
process.exit(status ?? 1);

function filter() {
  if (name === undefined) return [];
  const folder = ['libs', 'apps']
    .map((parent) => `${parent}/${name}/`)
    .find((path) => existsSync(at(path)));
  if (folder !== undefined) return [folder];
  console.error(`no package ${name}: use start, or the name of a folder in libs or apps`);
  process.exit(1);
}
