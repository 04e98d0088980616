// `npm run bench -- start`: how long a start takes, how much memory what runs takes, and how fast an
// order is, each seen from outside, on a copy of the workspace. Prints one JSON document.
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readlinkSync, rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ShopClient } from '../../libs/cli/src/demo/shop-client.js';
import { LineSplitter } from '../../libs/cli/src/process/line-splitter.js';
import { findRunningPlatform } from '../../libs/cli/src/run/running-platform.js';
import { ScratchWorkspace } from '../e2e/scratch-workspace.js';

/** What the platform promises on two cores. */
const GOALS = {
  processes: { readyMs: 10_000, pssMb: 900 },
  one: { readyMs: 4_000, pssMb: 350 },
  stopMs: 5_000,
  orderMedianMs: 150,
};
const SETTLE_MS = 5_000;
const WARM_UP = 10;
const SAMPLES = 40;
const POLL_MS = 2;

const workspace = new ScratchWorkspace();
process.chdir(workspace.root);
try {
  // As after `npm ci`: nothing is built, compiled or stored yet.
  rmSync(join(workspace.root, 'node_modules/.cache'), { recursive: true, force: true });
  const processes = await measure([], true);
  const one = await measure(['--one'], false);
  const report = {
    machine: { cores: cpus().length, model: cpus()[0]?.model, node: process.version },
    processes,
    one,
    goals: GOALS,
    met: {
      processesReady: processes.firstReadyMs <= GOALS.processes.readyMs,
      processesMemory: processes.pssMb <= GOALS.processes.pssMb,
      oneReady: one.againReadyMs <= GOALS.one.readyMs,
      oneMemory: one.pssMb <= GOALS.one.pssMb,
      stop: Math.max(processes.stopMs, one.stopMs) <= GOALS.stopMs,
      order: processes.order.medianMs <= GOALS.orderMedianMs,
    },
  };
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
} finally {
  await workspace.remove();
}

async function measure(options: readonly string[], first: boolean) {
  const started = await npmStart(options);
  const firstReadyMs = first ? started.readyMs : undefined;
  const again = first ? await restart(started, options) : started;
  await pause(SETTLE_MS);
  const memory = memoryOf(findRunningPlatform().state.pid);
  const order = await orders();
  const stopMs = await stop(again.child);
  return {
    firstReadyMs: firstReadyMs ?? again.readyMs,
    againReadyMs: again.readyMs,
    stopMs,
    pssMb: memory.totalMb,
    pssOfEachMb: memory.each,
    order,
  };
}

async function restart(started: Started, options: readonly string[]): Promise<Started> {
  await stop(started.child);
  return npmStart(options);
}

interface Started {
  readonly child: ChildProcess;
  readonly readyMs: number;
}

/** `npm start`, from the call until the line that says that all is ready. */
function npmStart(options: readonly string[]): Promise<Started> {
  const since = performance.now();
  const child = spawn('npm', ['start', '--silent', '--', '--log', 'json', ...options], {
    cwd: workspace.root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    const splitter = new LineSplitter((line) => {
      if (line.includes('"msg":"all ready in')) {
        resolve({ child, readyMs: Math.round(performance.now() - since) });
      }
    });
    child.stdout.on('data', (chunk: Buffer) => splitter.write(chunk));
    child.once('close', (code) => reject(new Error(`npm start ended with ${code}`)));
  });
}

/** One Ctrl-C, as the CLI gets it, until npm has ended. */
async function stop(child: ChildProcess): Promise<number> {
  const since = performance.now();
  const ended = new Promise((resolve) => child.once('close', resolve));
  process.kill(findRunningPlatform().state.pid, 'SIGINT');
  await ended;
  return Math.round(performance.now() - since);
}

/** Proportional set size of the CLI and of every Node process below it; npm is not ours. */
function memoryOf(root: number): { totalMb: number; each: Record<string, number> } {
  const each: Record<string, number> = {};
  let total = 0;
  for (const pid of [root, ...childrenOf(root)]) {
    if (basename(readlinkSync(`/proc/${pid}/exe`)) !== 'node') continue;
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const kib = Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1]);
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
    each[pid === root ? 'cli' : basename(command.at(-1) ?? '', '.js')] = Math.round(kib / 1024);
    total += kib;
  }
  return { totalMb: Math.round(total / 1024), each };
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  const children = text === '' ? [] : text.split(' ').map(Number);
  return children.flatMap((child) => [child, ...childrenOf(child)]);
}

/** Orders one after the other on an idle platform, from the POST until one is seen shipped. */
async function orders(): Promise<{ samples: number; medianMs: number; p95Ms: number }> {
  const client = new ShopClient(findRunningPlatform());
  const sku = `bench-${process.pid}`;
  await client.put(`/inventory/stock/${sku}`, {
    name: 'Measured article',
    unitPrice: 100,
    currency: 'EUR',
    available: 100_000,
  });
  const times: number[] = [];
  for (let index = 0; index < WARM_UP + SAMPLES; index++) {
    const took = await shipOne(client, sku);
    if (index >= WARM_UP) times.push(took);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(times[Math.floor(times.length * share)] ?? Number.NaN);
  return { samples: times.length, medianMs: at(0.5), p95Ms: at(0.95) };
}

async function shipOne(client: ShopClient, sku: string): Promise<number> {
  const since = performance.now();
  const placed = await client.post('/orders', {
    lines: [{ sku, quantity: 1 }],
    paymentMethod: 'tok_visa',
  });
  if (placed.status !== 202) throw new Error(`the order was answered ${JSON.stringify(placed)}`);
  const path = `/orders/${String(placed.body['orderId'])}`;
  for (;;) {
    const { body } = await client.get(path);
    if (body['status'] === 'shipped') return performance.now() - since;
    if (body['status'] === 'rejected') throw new Error(`rejected: ${JSON.stringify(body)}`);
    await pause(POLL_MS);
  }
}
