import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunState } from '../../libs/cli/src/run/run-state.js';
import { CliProcess } from '../../libs/cli/src/testing/cli-process.js';
import type { ShopAddress } from '../../libs/cli/src/demo/shop-client.js';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const STOP_LIMIT_MS = 15_000;

/**
 * A copy of this workspace, as a clone of it would be, with the packages that are installed here. A
 * run in it disturbs neither the developer's data nor a platform that runs in the checkout.
 */
export class ScratchWorkspace {
  readonly root = mkdtempSync(join(tmpdir(), 'rookery-e2e-'));
  #running: CliProcess | undefined;

  constructor() {
    const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
      cwd: CHECKOUT,
      encoding: 'utf8',
      maxBuffer: 64 * 1_048_576,
    });
    for (const file of files.split('\0')) {
      // Git goes on listing a file that was deleted and not yet committed as such.
      if (file === '' || !existsSync(join(CHECKOUT, file))) continue;
      mkdirSync(dirname(join(this.root, file)), { recursive: true });
      cpSync(join(CHECKOUT, file), join(this.root, file));
    }
    // Hard links: the packages' hundreds of megabytes are shared, the links between workspaces are
    // relative and point into the copy.
    execFileSync('cp', ['-al', join(CHECKOUT, 'node_modules'), join(this.root, 'node_modules')]);
  }

  /** Runs the CLI and waits until all is ready. */
  async up(...options: string[]): Promise<Platform> {
    const cli = CliProcess.start(this.root, 'up', '--log', 'json', ...options);
    this.#running = cli;
    await cli.ready();
    return new Platform(cli, this.root);
  }

  /** Runs a command of the workspace to its end; returns what it wrote. */
  run(file: string, args: readonly string[], timeoutMs = 300_000): string {
    const { status, error, stdout, stderr } = spawnSync(file, args, {
      cwd: this.root,
      encoding: 'utf8',
      timeout: timeoutMs,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        PATH: `${join(this.root, 'node_modules/.bin')}:${process.env['PATH']}`,
      },
    });
    if (status === 0) return stdout;
    throw error ?? new Error(`${file} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  }

  /** Ends what runs in it and removes it. */
  async remove(): Promise<void> {
    const cli = this.#running;
    if (cli !== undefined && cli.child.exitCode === null) {
      cli.child.kill('SIGKILL');
      await cli.exit;
    }
    await CliProcess.run(this.root, 'reset');
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** A platform that runs in a scratch workspace. */
export class Platform {
  constructor(
    readonly cli: CliProcess,
    private readonly root: string,
  ) {}

  get state(): RunState {
    return JSON.parse(readFileSync(join(this.root, '.rookery/run/state.json'), 'utf8')) as RunState;
  }

  /** Base address of an app. */
  address(app: string): string {
    const address = this.state.addresses[app];
    if (address === undefined) throw new Error(`${app} does not run`);
    return address;
  }

  /** What the demo needs to place orders. */
  shop(): ShopAddress {
    const secrets = JSON.parse(
      readFileSync(join(this.root, '.rookery/secrets.json'), 'utf8'),
    ) as Record<string, string>;
    const { apps } = JSON.parse(readFileSync(join(this.root, 'rookery.json'), 'utf8')) as {
      apps: Record<string, { scopes?: string[] }>;
    };
    return {
      gateway: this.address('api-gateway'),
      issuer: this.address('auth'),
      clientId: 'demo',
      clientSecret: secrets['client:demo'] ?? '',
      scopes: Object.values(apps).flatMap(({ scopes = [] }) => scopes),
    };
  }

  /** Process ids of an app's instances. */
  pids(app: string): number[] {
    return this.state.processes.flatMap((row) => (row.app === app && row.pid ? [row.pid] : []));
  }

  /** One Ctrl-C. Returns how long it took, in milliseconds, and which processes are left. */
  async stop(): Promise<{ tookMs: number; left: number[] }> {
    const pids = this.state.processes.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
    const since = performance.now();
    this.cli.child.kill('SIGINT');
    const late = AbortSignal.timeout(STOP_LIMIT_MS);
    late.addEventListener('abort', () => this.cli.child.kill('SIGKILL'));
    await this.cli.exit;
    return { tookMs: performance.now() - since, left: pids.filter(isAlive) };
  }
}

/** Neither gone nor waiting to be reaped. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
