import { context, trace } from '@opentelemetry/api';
import { InvalidOptionError, runInContext } from '@rookery/core';
import { describe, expect, it } from 'vitest';
import { runAsApp } from '../scope/app-scope.js';
import { LogCapture } from '../testing/log-capture.js';
import { Tracing } from '../tracing/tracing.js';
import { createLogger, type LoggerOptions } from './create-logger.js';

function logging(options: Partial<LoggerOptions> = {}) {
  const out = new LogCapture();
  const logger = createLogger({
    app: 'orders',
    instance: 'orders-1',
    version: '1.2.3',
    profile: 'test',
    destination: out,
    ...options,
  });
  return { out, logger };
}

describe('a line', () => {
  it('has time, level in words and who wrote it', () => {
    const { out, logger } = logging();
    logger.info({ context: 'Stock', sku: 'cup' }, 'reserved');
    const [line] = out.lines;
    expect(line).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      service: 'orders',
      instance: 'orders-1',
      version: '1.2.3',
      env: 'test',
      context: 'Stock',
      sku: 'cup',
      msg: 'reserved',
    });
  });

  it('has each key once', () => {
    const { out, logger } = logging();
    const context = { app: 'orders', correlationId: 'c-1' };
    runInContext(context, () => logger.child({ context: 'A' }).warn({ n: 1 }, 'm'));
    const keys = [...out.text.matchAll(/"(\w+)":/g)].map((match) => match[1]);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('has an error with its cause', () => {
    const { out, logger } = logging();
    logger.error(new Error('failed', { cause: new Error('underneath') }), 'gave up');
    expect(out.lines[0]).toMatchObject({
      level: 'error',
      msg: 'gave up',
      err: { type: 'Error', message: 'failed', cause: { message: 'underneath' } },
    });
  });

  it('names the request and the span it belongs to', () => {
    const { out, logger } = logging();
    const tracing = new Tracing({ app: 'orders', instance: 'orders-1' });
    runInContext({ app: 'orders', correlationId: 'c-1' }, () =>
      tracing.run('work', {}, (span) => {
        logger.info('inside');
        const { traceId, spanId } = span.spanContext();
        expect(out.lines[0]).toMatchObject({ correlationId: 'c-1', traceId, spanId });
      }),
    );
    logger.info('outside');
    expect(out.lines[1]).not.toHaveProperty('correlationId');
    expect(out.lines[1]).not.toHaveProperty('traceId');
    expect(trace.getSpan(context.active())).toBeUndefined();
  });
});

describe('apps that share a process', () => {
  it('are told apart by what runs, not by whose logger is used', async () => {
    const { out, logger } = logging();
    logging({ app: 'payments', instance: 'payments-1' });
    runInContext({ app: 'payments', correlationId: 'c-2' }, () => logger.info('in a request'));
    await runAsApp('payments', async () => {
      await Promise.resolve();
      logger.info('at start');
    });
    logger.info('own');
    expect(out.lines.map(({ service, instance }) => [service, instance])).toEqual([
      ['payments', 'payments-1'],
      ['payments', 'payments-1'],
      ['orders', 'orders-1'],
    ]);
  });
});

describe('secrets', () => {
  const canary = 'c4n4ry-hunter2';
  const jwt = `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.${canary}`;

  it('never reach the output, wherever they are put', () => {
    const { out, logger } = logging({ level: 'trace' });
    logger.info({ password: canary });
    logger.info({ a: { b: { c: [{ clientSecret: canary }] } } });
    logger.info({ req: { headers: { authorization: `Bearer ${canary}`, cookie: canary } } });
    logger.info({ card: { number: canary } }, 'paid');
    logger.child({ token: canary }).info('child');
    logger.child({ card: { number: canary } }).info('child');
    logger.child({ user: { password: canary } }).info('child');
    logger.info(`sent ${jwt}`);
    logger.info('with %s', `Authorization: Bearer ${canary}`);
    logger.info('body %j', { password: canary });
    logger.info('connect postgres://orders:%s@db/orders', canary);
    logger.error(
      Object.assign(new Error(`denied for Bearer ${canary}`), {
        config: { headers: { authorization: canary } },
        response: canary,
      }),
    );
    logger.error({ err: new Error('x', { cause: { token: canary } }) });
    expect(out.lines).toHaveLength(13);
    expect(out.text).not.toContain(canary);
  });
});

describe('options', () => {
  it('are validated', () => {
    expect(() => logging({ level: 'loud' as never })).toThrow(InvalidOptionError);
    expect(() => logging({ colour: true } as never)).toThrow(/colour: unknown option/);
  });

  it('decide what is written', () => {
    const { out, logger } = logging({ level: 'warn' });
    logger.info('quiet');
    logger.level = 'debug';
    logger.debug('loud');
    expect(out.lines.map(({ msg }) => msg)).toEqual(['loud']);
  });

  it('give text for eyes on request', () => {
    const { out, logger } = logging({ format: 'pretty' });
    logger.warn({ context: 'Stock', token: 'hunter2-canary' }, 'low');
    expect(out.text).toMatch(/WARN.*\[Stock\] low/);
    expect(out.text).not.toContain('hunter2-canary');
  });
});
