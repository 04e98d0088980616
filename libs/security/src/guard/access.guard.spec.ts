import {
  Controller,
  Get,
  Injectable,
  Module,
  type ArgumentsHost,
  type ExceptionFilter,
  Catch,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { currentContext, problemOf, runInContext, type Principal } from '@rookery/core';
import { connect, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JwtGuard, JwtStrategy } from '../passport/jwt.guard.js';
import { accessDenied, type AccessDenied } from '../security.channels.js';
import { TokenMaker } from '../testing/index.js';
import { createTokenVerifier, TokenVerifier } from '../token/token-verifier.js';
import { CurrentUser, Public, Roles, Scopes } from './access.decorator.js';
import { AccessGuard } from './access.guard.js';
import { PrincipalInterceptor } from './principal.interceptor.js';

@Injectable()
class WhoAmI {
  async subject(): Promise<string | undefined> {
    await Promise.resolve();
    return currentContext()?.principal?.subject;
  }
}

@Controller()
class ThingsController {
  constructor(private readonly who: WhoAmI) {}

  @Get('undecided')
  async undecided(@CurrentUser() user: unknown): Promise<unknown> {
    return { user: (user as Principal).subject, context: await this.who.subject() };
  }

  @Public()
  @Get('public')
  open(@CurrentUser() user: unknown): unknown {
    return { user: user === undefined ? 'nobody' : 'somebody' };
  }

  @Scopes('things:read', 'things:write')
  @Get('scoped')
  scoped(): string {
    return 'ok';
  }

  @Roles('admin', 'operator')
  @Get('roles')
  roles(): string {
    return 'ok';
  }
}

@Public()
@Controller('open')
class OpenController {
  @Get()
  all(): string {
    return 'ok';
  }

  @Scopes('things:read')
  @Get('scoped')
  scoped(): string {
    return 'ok';
  }
}

class Base {
  @Get('inherited')
  inherited(): string {
    return 'ok';
  }
}

@Public()
@Controller('first')
class FirstController extends Base {}

@Controller('second')
class SecondController extends Base {}

@Catch()
class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const body = problemOf(error);
    const reply = host.switchToHttp().getResponse<{
      status(code: number): { headers(h: object): { send(body: unknown): void } };
    }>();
    reply
      .status(body.status)
      .headers((error as { headers?: object }).headers ?? {})
      .send(body);
  }
}

let maker: TokenMaker;
let base: string;
const apps: NestFastifyApplication[] = [];

async function start(guard: unknown, providers: unknown[] = []): Promise<string> {
  const verifier = createTokenVerifier({ issuer: maker.issuer, audience: maker.audience });
  @Module({
    controllers: [ThingsController, OpenController, FirstController, SecondController],
    providers: [
      WhoAmI,
      { provide: TokenVerifier, useValue: verifier },
      { provide: APP_GUARD, useClass: guard as never },
      { provide: APP_INTERCEPTOR, useClass: PrincipalInterceptor },
      { provide: APP_FILTER, useClass: ProblemFilter },
      ...(providers as []),
    ],
  })
  class AppModule {}
  const adapter = new FastifyAdapter();
  adapter.getInstance().addHook('onRequest', (_request, _reply, done) => {
    runInContext({ app: 'things', correlationId: 'c-1' }, done);
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule, adapter, {
    logger: false,
  });
  await app.listen(0, '127.0.0.1');
  apps.push(app);
  return `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
}

beforeAll(async () => {
  maker = await TokenMaker.start();
  base = await start(AccessGuard);
});
afterAll(async () => {
  await Promise.all(apps.map((app) => app.close()));
  await maker.stop();
});

async function get(path: string, token?: string): Promise<Response> {
  const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
  return fetch(`${base}${path}`, headers && { headers });
}

describe('access guard', () => {
  it('closes a handler without any decision', async () => {
    const response = await get('/undecided');
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="rookery"');
    expect(await response.json()).toMatchObject({ code: 'RKY_SEC_UNAUTHORIZED', status: 401 });
  });

  it('gives the principal to the handler, and to the services that the handler calls', async () => {
    const response = await get('/undecided', await maker.token({ subject: 'ada' }));
    expect(await response.json()).toEqual({ user: 'ada', context: 'ada' });
  });

  it('lets anybody into a public handler, with or without a token', async () => {
    expect(await (await get('/public')).json()).toEqual({ user: 'nobody' });
    expect((await get('/public', 'rubbish')).status).toBe(200);
  });

  it('needs every scope, and names them when one is missing', async () => {
    const half = await get('/scoped', await maker.token({ scopes: ['things:read'] }));
    expect(half.status).toBe(403);
    expect(half.headers.get('www-authenticate')).toBe(
      'Bearer realm="rookery", error="insufficient_scope", scope="things:read things:write"',
    );
    expect(await half.json()).toMatchObject({ requiredScopes: ['things:read', 'things:write'] });
    const scopes = ['things:write', 'things:read', 'more'];
    expect((await get('/scoped', await maker.token({ scopes }))).status).toBe(200);
  });

  it('does not take a longer scope for a shorter one', async () => {
    const scopes = ['things:read:all', 'things:writes', 'xthings:write'];
    expect((await get('/scoped', await maker.token({ scopes }))).status).toBe(403);
  });

  it('needs one of the roles', async () => {
    expect((await get('/roles', await maker.token({ roles: ['operator'] }))).status).toBe(200);
    expect((await get('/roles', await maker.token({ roles: ['customer'] }))).status).toBe(403);
    expect((await get('/roles', await maker.token({ claims: { roles: 'admin' } }))).status).toBe(
      403,
    );
  });

  it('closes a method with scopes in a public class', async () => {
    expect((await get('/open')).status).toBe(200);
    expect((await get('/open/scoped')).status).toBe(401);
  });

  it('does not confuse an inherited method of a public class with that of a closed one', async () => {
    expect((await get('/first/inherited')).status).toBe(200);
    expect((await get('/second/inherited')).status).toBe(401);
    expect((await get('/first/inherited')).status).toBe(200);
  });

  it('refuses tokens in the query and under other schemes', async () => {
    const token = await maker.token();
    expect((await get(`/undecided?access_token=${token}`)).status).toBe(400);
    expect((await get(`/undecided?access_token=${token}`, token)).status).toBe(400);
    for (const authorization of [`Basic ${token}`, 'Bearer', `Bearer ${token},`, 'Bearer a b']) {
      const response = await fetch(`${base}/undecided`, { headers: { authorization } });
      expect(response.status, authorization).toBe(401);
    }
  });

  it('refuses two Authorization headers, of which Node would show only the first', async () => {
    const token = await maker.token();
    const { port } = new URL(base);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1', () =>
        socket.write(
          `GET /undecided HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n` +
            'Authorization: Bearer other\r\nConnection: close\r\n\r\n',
        ),
      );
      let text = '';
      socket.on('data', (chunk) => (text += String(chunk)));
      socket.on('end', () => resolve(text)).on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toMatch(/www-authenticate: .*error="invalid_request"/i);
  });

  it('tells who was denied where', async () => {
    const denied: AccessDenied[] = [];
    const stop = accessDenied.subscribe((event) => denied.push(event));
    await get('/undecided');
    stop();
    expect(denied).toEqual([{ app: 'things', status: 401, handler: 'ThingsController.undecided' }]);
  });
});

describe('passport strategy', () => {
  let passportBase: string;
  beforeAll(async () => {
    passportBase = await start(JwtGuard, [JwtStrategy]);
  });

  const ask = async (token: string | Promise<string>): Promise<Response> =>
    fetch(`${passportBase}/undecided`, { headers: { authorization: `Bearer ${await token}` } });

  it('accepts a valid token and gives the same principal', async () => {
    const response = await ask(maker.token({ subject: 'ada' }));
    expect(await response.json()).toEqual({ user: 'ada', context: 'ada' });
  });

  it('refuses what passport-jwt alone accepts, and the rest, with a challenge', async () => {
    const soon = Math.floor(Date.now() / 1_000) + 3_600;
    const bad: Record<string, string | Promise<string>> = {
      'no exp': maker.token({ claims: { exp: undefined } }),
      'no sub': maker.token({ claims: { sub: undefined } }),
      'no client_id': maker.token({ claims: { client_id: undefined } }),
      'ID token': maker.token({ header: { typ: 'JWT' } }),
      'future iat': maker.token({ claims: { iat: soon } }),
      'wrong aud': maker.token({ claims: { aud: 'urn:other' } }),
      'wrong iss': maker.token({ claims: { iss: 'urn:other' } }),
      expired: maker.token({ expiresIn: -60 }),
      'unknown kid': maker.token({ header: { kid: 'other' } }),
      crit: maker.token({ header: { crit: ['urn:example:must'], 'urn:example:must': true } }),
      none: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.',
      rubbish: 'rubbish',
    };
    for (const [name, token] of Object.entries(bad)) {
      const response = await ask(token);
      expect(response.status, name).toBe(401);
      expect(response.headers.get('www-authenticate'), name).toMatch(/^Bearer realm=/);
    }
    expect((await fetch(`${passportBase}/undecided`)).status).toBe(401);
  });
});
