import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createLogger } from '@rookery/observability';
import { LogCapture } from '@rookery/observability/testing';
import { settle, VirtualClock } from '@rookery/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { installShutdown } from './install-shutdown.js';

class FakeProcess extends EventEmitter {
  readonly exits: number[] = [];

  exit(code: number): void {
    this.exits.push(code);
  }
}

function install(stop: () => Promise<void>) {
  const target = new FakeProcess();
  const clock = new VirtualClock();
  const out = new LogCapture();
  const logger = createLogger({ app: 'orders', instance: 'orders-1', destination: out });
  const uninstall = installShutdown(stop, { logger, clock, process: target });
  return { target, clock, out, uninstall };
}

describe('a signal', () => {
  it.each(['SIGTERM', 'SIGINT'])('%s stops the service, then the process', async (signal) => {
    let release = (): void => {};
    const { target, clock, out } = install(() => new Promise((resolve) => (release = resolve)));
    target.emit(signal);
    await settle();
    expect(target.exits).toEqual([]);
    release();
    await settle();
    expect(target.exits).toEqual([0]);
    expect(out.lines.map(({ msg }) => msg)).toEqual([`${signal}: stopping`, 'stopped after 0 ms']);
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ])('%s again exits at once with %i', async (signal, code) => {
    let stops = 0;
    const { target } = install(() => {
      stops++;
      return new Promise(() => {});
    });
    target.emit('SIGTERM');
    target.emit(signal);
    expect(target.exits).toEqual([code]);
    expect(stops).toBe(1);
  });

  it('exits with 1 when the service fails to stop', async () => {
    const { target, out, clock } = install(() => Promise.reject(new Error('pool is stuck')));
    target.emit('SIGTERM');
    await settle();
    expect(target.exits).toEqual([1]);
    expect(out.lines.at(-1)).toMatchObject({ level: 'error', err: { message: 'pool is stuck' } });
    expect(clock.pending).toBe(0);
  });

  it('exits with 1 when the service does not stop in time', async () => {
    const { target, clock } = install(() => new Promise(() => {}));
    target.emit('SIGTERM');
    await clock.advance(27_999);
    expect(target.exits).toEqual([]);
    await clock.advance(1);
    expect(target.exits).toEqual([1]);
  });

  it('does nothing after uninstalling', () => {
    const { target, uninstall } = install(() => Promise.resolve());
    uninstall();
    expect(target.eventNames()).toEqual([]);
  });
});

describe('a process', () => {
  const hook = new URL('../../../cli/runtime/source-hook.js', import.meta.url);
  const code = `
    import { Lifecycle, STOP_PHASES } from '@rookery/core';
    import { closeGracefully, installShutdown, trackResponses } from '@rookery/actuator';
    import { createLogger } from '@rookery/observability';
    import Fastify from 'fastify';
    const logger = createLogger({ app: 'orders', instance: 'orders-1' });
    const lifecycle = new Lifecycle();
    for (const phase of STOP_PHASES) {
      lifecycle.onStop(phase, 'test', () => logger.info('phase ' + phase));
    }
    const fastify = Fastify();
    trackResponses(fastify);
    fastify.get('/later', async () => {
      logger.info('in flight');
      await new Promise((resolve) => lifecycle.onStop('consumers', 'request', resolve));
      return 'later';
    });
    if (process.argv.includes('stuck')) lifecycle.onStop('drain', 'stuck', () => new Promise(() => {}));
    lifecycle.onStop('server', 'http', (signal) => closeGracefully(fastify, signal));
    installShutdown(() => lifecycle.stop(), { logger });
    await fastify.listen({ port: 0, host: '127.0.0.1' });
    logger.info({ port: fastify.server.address().port }, 'listening');
    if (process.argv.includes('crash')) Promise.reject(new Error('nobody caught me'));
  `;
  const children: ChildProcess[] = [];

  afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

  function run(...args: string[]) {
    const child = spawn(
      process.execPath,
      ['--import', hook.href, '--input-type=module', '-e', code, ...args],
      { cwd: fileURLToPath(new URL('../..', import.meta.url)), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    children.push(child);
    const out = new LogCapture();
    const changed = new EventEmitter();
    child.stdout.on('data', (chunk: Buffer) => {
      out.write(chunk.toString());
      changed.emit('line');
    });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const exited = once(child, 'exit').then(([status]) => status as number | null);
    const said = async (msg: string): Promise<Record<string, unknown>> => {
      for (;;) {
        const [line] = out.text.endsWith('\n') ? out.saying(msg) : [];
        if (line !== undefined) return line;
        const ended = await Promise.race([
          once(changed, 'line').then(() => false),
          exited.then(() => true),
        ]);
        if (ended && out.saying(msg).length === 0) throw new Error(`never said ${msg}: ${errors}`);
      }
    };
    return { child, out, exited, said, errors: () => errors };
  }

  it('runs all phases in order, answers what is in flight, and exits with 0', async () => {
    const { child, out, exited, said } = run();
    const { port } = await said('listening');
    const answer = fetch(`http://127.0.0.1:${String(port)}/later`);
    await said('in flight');
    child.kill('SIGTERM');
    const response = await answer;
    expect(await response.text()).toBe('later');
    expect(await exited).toBe(0);
    const phases = out.lines
      .map(({ msg }) => String(msg))
      .filter((msg) => msg.startsWith('phase '));
    expect(phases.map((msg) => msg.slice(6))).toEqual([
      'readiness',
      'registration',
      'drain',
      'consumers',
      'schedulers',
      'server',
      'outbox',
      'telemetry',
      'pools',
    ]);
  });

  it('exits at once on a second signal, although it is stuck', async () => {
    const { child, out, exited, said } = run('stuck');
    await said('listening');
    child.kill('SIGINT');
    await said('phase drain');
    child.kill('SIGINT');
    expect(await exited).toBe(130);
    expect(out.saying('SIGINT again: exits at once')).toHaveLength(1);
    expect(out.saying('phase consumers')).toHaveLength(0);
  });

  it('logs an error that nobody caught before it ends', async () => {
    const { out, exited } = run('crash');
    expect(await exited).toBe(1);
    expect(out.lines.at(-1)).toMatchObject({
      level: 'fatal',
      msg: 'unhandledRejection: the process ends',
      err: { message: 'nobody caught me' },
    });
  });
});
