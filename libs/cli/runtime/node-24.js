// Runs on the oldest Node a developer may have, so that it can hand over to the one we need:
// no syntax and no API newer than Node 18.
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';

const REQUIRED = 24;
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Whether this process is on Node 24 or newer. When it is not, the script is started again on the
 * Node 24 that `npm ci` put into `node_modules`, this process only passes signals and the exit code
 * on, and the promise does not resolve. Without such a Node the process ends with a line that says
 * what to install.
 *
 * @param {string} script path of the script to start again
 * @returns {Promise<true>}
 */
export function onNode24(script) {
  if (Number(process.versions.node.split('.')[0]) >= REQUIRED) return Promise.resolve(true);
  const node = installedNode(dirname(realpathSync(script))) || installedNode(process.cwd());
  if (node === undefined) {
    process.stderr.write(
      `This needs Node ${REQUIRED}, found ${process.versions.node}: run \`npm ci\`, which installs it for this workspace, or install it from https://nodejs.org.\n`,
    );
    process.exit(1);
  }
  process.stderr.write(
    `Node ${process.versions.node} is older than ${REQUIRED}: continuing on the one in node_modules.\n`,
  );
  const child = spawn(node, [...process.execArgv, script, ...process.argv.slice(2)], {
    // The channel tells the child when this process is gone, even by kill -9.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`${node} does not start: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    process.exit(code ?? 128 + (constants.signals[signal] || 0));
  });
  return new Promise(() => {});
}

function installedNode(from) {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  for (let folder = from; ; folder = dirname(folder)) {
    // The platform package itself: on Windows `.bin` holds a shell wrapper, not the program.
    const file = join(
      folder,
      `node_modules/node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}/bin/${name}`,
    );
    if (existsSync(file)) return file;
    if (dirname(folder) === folder) return undefined;
  }
}
