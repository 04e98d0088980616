import { Inject, Logger, Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { CLOCK, ConfigStore, ServiceInfo } from '@rookery/config';
import { environmentOf, InvalidOptionError, Lifecycle, type Clock } from '@rookery/core';
import { Database } from '@rookery/persistence';
import { authSchema, DEVELOPMENT_ISSUER } from '@rookery/security';
import type { FastifyInstance } from 'fastify';
import { AuthServer } from './auth-server.js';
import { authServerSchema, type AuthServerOptions } from './auth.options.js';
import { ClientRepository } from './clients/client.repository.js';
import { ClientSecrets } from './clients/client-secrets.js';
import { KeyRepository } from './keys/key.repository.js';
import { SecretBox } from './keys/secret-box.js';
import { AttemptLimiter } from './login/attempt-limiter.js';
import { InteractionController } from './login/interaction.controller.js';
import { PasswordHasher } from './password/password-hasher.js';
import type { AuthSchema } from './persistence/schema.js';
import { createProvider } from './provider/create-provider.js';
import { addProviderRoutes } from './provider/provider-routes.js';
import { removeExpired } from './provider/sql-adapter.js';
import { readSeed } from './seed/seed.js';
import { UserRepository } from './users/user.repository.js';

const OPTIONS = Symbol('auth server options');

interface ServerOptions extends AuthServerOptions {
  readonly issuer: string;
  readonly audience: string;
}

/** The OpenID provider with its users, clients, keys and pages. */
@Module({
  controllers: [InteractionController],
  providers: [
    KeyRepository,
    UserRepository,
    ClientRepository,
    { provide: PasswordHasher, useFactory: () => new PasswordHasher() },
    {
      provide: ClientSecrets,
      inject: [PasswordHasher],
      useFactory: (hasher: PasswordHasher) => new ClientSecrets(hasher),
    },
    {
      provide: AttemptLimiter,
      inject: [CLOCK],
      useFactory: (clock: Clock) => new AttemptLimiter(clock),
    },
    { provide: OPTIONS, inject: [ConfigStore, ServiceInfo], useFactory: serverOptions },
    {
      provide: AuthServer,
      inject: [OPTIONS, Database, KeyRepository, ClientRepository, UserRepository, ClientSecrets],
      useFactory: createServer,
    },
  ],
})
export class AuthServerModule implements OnModuleInit {
  readonly #logger = new Logger('Auth');

  constructor(
    private readonly server: AuthServer,
    private readonly limiter: AttemptLimiter,
    private readonly database: Database<AuthSchema>,
    private readonly lifecycle: Lifecycle,
    private readonly host: HttpAdapterHost,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(OPTIONS) private readonly options: ServerOptions,
  ) {}

  async onModuleInit(): Promise<void> {
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    const { provider, issuer } = this.server;
    await addProviderRoutes(fastify, { provider, issuer, limiter: this.limiter });
    this.#cleanUpRegularly();
  }

  #cleanUpRegularly(): void {
    const closed = new AbortController();
    const run = async (): Promise<void> => {
      while (!closed.signal.aborted) {
        await this.clock.sleep(this.options.cleanUpEvery, closed.signal).catch(() => {});
        if (closed.signal.aborted) return;
        await removeExpired(this.database).catch((err: unknown) =>
          this.#logger.warn({ err }, 'expired records could not be removed'),
        );
      }
    };
    let running: Promise<void> = Promise.resolve();
    this.lifecycle.onStart('schedulers', 'clean-up', () => void (running = run()));
    this.lifecycle.onStop('schedulers', 'clean-up', () => {
      closed.abort();
      return running;
    });
  }
}

function serverOptions(config: ConfigStore, service: ServiceInfo): ServerOptions {
  const { issuer = DEVELOPMENT_ISSUER, audience } = config.namespace('auth', authSchema);
  const options = config.namespace('authServer', authServerSchema);
  const seedFile = environmentOf(service.name)['AUTH_SEED_FILE'] ?? options.seedFile;
  const problems: string[] = [];
  if (new URL(issuer).pathname !== '/') {
    problems.push(`auth.issuer: ${issuer} is not allowed, expected a URL without path`);
  }
  if (service.profile.split(',').includes('production') && options.secret === undefined) {
    problems.push('authServer.secret: is missing, expected 32 characters or more to encrypt keys');
  }
  if (problems.length > 0) throw new InvalidOptionError('configuration', problems);
  return { ...options, seedFile, issuer, audience };
}

async function createServer(
  options: ServerOptions,
  database: Database<AuthSchema>,
  keyRepository: KeyRepository,
  clients: ClientRepository,
  users: UserRepository,
  secrets: ClientSecrets,
): Promise<AuthServer> {
  const logger = new Logger('Auth');
  if (options.seedFile !== undefined) {
    const seed = await readSeed(options.seedFile);
    await inTurns(seed.clients, (client) => clients.put(client));
    await inTurns(seed.users, (user) => users.put(user));
    logger.log(`seeded ${seed.clients.length} clients and ${seed.users.length} users`);
  }
  const keys = await keyRepository.load(new SecretBox(options.secret));
  const knownScopes = [...new Set([...options.scopes, ...(await clients.apiScopes())])];
  const provider = createProvider({
    issuer: options.issuer,
    audience: options.audience,
    options,
    keys,
    database,
    clients,
    knownScopes: () => knownScopes,
    findUser: (id) => users.find(id),
    secrets,
    onError: (err) => logger.error({ err }, 'the provider failed'),
  });
  return new AuthServer({ provider, issuer: options.issuer, formKey: keys.cookies[0]! });
}

/** Two at a time: as many as passwords are hashed at once. */
async function inTurns<T>(items: readonly T[], put: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const turn = async (): Promise<void> => {
    for (const item of rest) await put(item);
  };
  await Promise.all([turn(), turn()]);
}
