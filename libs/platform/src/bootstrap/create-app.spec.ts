import { Controller, Get, Module, Post } from '@nestjs/common';
import { currentContext, RookeryError } from '@rookery/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { RookeryModule } from '../rookery.module.js';
import { NotFoundError } from '../validation/not-found.error.js';
import {
  ValidatedBody,
  ValidatedHeader,
  ValidatedParam,
} from '../validation/validated.decorator.js';
import { createApp, type RunningApp } from './create-app.js';

class SoldOutError extends RookeryError {
  override readonly code = 'TEST_SOLD_OUT';
  override readonly status = 409;
  override readonly title = 'Sold out';
  readonly headers = { 'retry-after': '60' };
}

const Cup = z.strictObject({
  name: z.string().min(1),
  size: z.strictObject({ millilitres: z.int().min(1) }),
});

@Controller('cups')
class CupsController {
  @Get(':id')
  one(@ValidatedParam('id', z.coerce.number().int()) id: number): { id: number; context?: string } {
    if (id === 404) throw new NotFoundError('cup', '404');
    if (id === 409) throw new SoldOutError('that cup is sold out');
    if (id === 500) throw new Error('select password from users');
    return { id, context: currentContext()?.app ?? 'none' };
  }

  @Post()
  make(
    @ValidatedBody(Cup) cup: z.infer<typeof Cup>,
    @ValidatedHeader('x-maker', z.string().optional()) maker: string | undefined,
  ): object {
    return { ...cup, maker };
  }
}

@Module({
  imports: [RookeryModule.forRoot({ name: 'cups', security: false, discovery: false })],
  controllers: [CupsController],
})
class CupsModule {}

describe('a service made by createApp', () => {
  let app: RunningApp;
  let url: string;

  beforeEach(async () => {
    app = await createApp(CupsModule, {
      environment: { PORT: '0', LOG_LEVEL: 'silent', SERVER_BODY_LIMIT: '1000' },
    });
    url = await app.listen();
  });

  afterEach(() => app.stop());

  const post = (body: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/cups`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });

  it('serves within a request context, with safe headers', async () => {
    const response = await fetch(`${url}/cups/7`);
    expect(await response.json()).toEqual({ id: 7, context: 'cups' });
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('x-correlation-id')).toMatch(/^[\w.-]{1,64}$/);
  });

  it('names every wrong field of a request', async () => {
    const response = await post('{"name":"","size":{"millilitres":0,"depth":1},"colour":"red"}');
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    const problem = (await response.json()) as { code: string; errors: { field: string }[] };
    expect(problem).toMatchObject({ code: 'RKY_PLATFORM_INVALID_REQUEST', status: 400 });
    expect(problem.errors.map(({ field }) => field).sort()).toEqual([
      'colour',
      'name',
      'size.depth',
      'size.millilitres',
    ]);
  });

  it.each([
    ['{"name":', 400, 'RKY_HTTP_BAD_REQUEST'],
    [JSON.stringify({ name: 'x'.repeat(2_000) }), 413, 'RKY_HTTP_BODY_TOO_LARGE'],
    ['{"__proto__":{"admin":true}}', 400, 'RKY_HTTP_BAD_REQUEST'],
  ])('refuses the body %.20s with %i and a problem document', async (body, status, code) => {
    const response = await post(body);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ status, code, traceId: expect.any(String) });
  });

  it.each([
    [404, 404, 'RKY_PLATFORM_NOT_FOUND'],
    [409, 409, 'TEST_SOLD_OUT'],
    ['tea', 400, 'RKY_PLATFORM_INVALID_REQUEST'],
  ])('answers cup %s with %i', async (id, status, code) => {
    const response = await fetch(`${url}/cups/${id}`);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ status, code });
    expect(response.headers.get('retry-after')).toBe(id === 409 ? '60' : null);
  });

  it('tells nothing of an unexpected error', async () => {
    const response = await fetch(`${url}/cups/500`);
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(text).not.toMatch(/password|stack|at /);
    expect(JSON.parse(text)).toMatchObject({ code: 'RKY_INTERNAL', traceId: expect.any(String) });
  });

  it('answers an unknown route with a problem document', async () => {
    const response = await fetch(`${url}/saucers`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 'RKY_HTTP_NO_ROUTE' });
  });

  it('answers a path that is none with a problem document', async () => {
    const response = await fetch(`${url}/cups/%zz`);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({ code: 'RKY_HTTP_BAD_REQUEST' });
  });

  it('is ready while it runs', async () => {
    const response = await fetch(`${url}/manage/health/ready`);
    expect(response.status).toBe(200);
  });
});

describe('a wrong start', () => {
  it('refuses unknown and contradicting options at once', () => {
    expect(() => RookeryModule.forRoot({ name: 'x', mesaging: true } as never)).toThrow(
      /mesaging: unknown option/,
    );
    expect(() => RookeryModule.forRoot({ name: 'x', messaging: true })).toThrow(
      /messaging: true is not allowed, needs persistence/,
    );
    expect(() => RookeryModule.forRoot({ name: 'Not A Name' })).toThrow(/expected a lower-case/);
  });

  it('names the environment variable that is wrong', async () => {
    await expect(
      createApp(CupsModule, { environment: { PORT: '70000', LOG_LEVEL: 'silent' } }),
    ).rejects.toThrow(/PORT/);
  });
});
