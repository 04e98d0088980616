import { Module, type DynamicModule, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { CLOCK, ConfigStore, ServiceInfo } from '@rookery/config';
import { currentContext, Lifecycle, type Clock } from '@rookery/core';
import { baseUrl, LoadBalancer } from '@rookery/discovery';
import { currentTraceId, Metrics, nameRoute, Tracing } from '@rookery/observability';
import { ResilienceRegistry } from '@rookery/resilience';
import { TokenVerifier } from '@rookery/security';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { GatewayController } from './gateway.controller.js';
import { gatewayMetrics } from './gateway.metrics.js';
import { gatewaySchema } from './gateway.options.js';
import { Gateway } from './proxy/gateway.js';
import { answerClientErrors } from './request/client-error.js';
import type { UpstreamBalancer } from './upstream/balancer.js';

/**
 * Makes a service a gateway: every path that no controller of its own takes goes to the routes of
 * the configuration namespace `gateway`, which is live. Needs the modules that
 * `RookeryModule.forRoot()` imports, security and discovery included, and Nest on Fastify.
 */
@Module({})
export class GatewayModule implements OnModuleInit {
  constructor(
    private readonly gateway: Gateway,
    private readonly host: HttpAdapterHost,
  ) {}

  static forRoot(): DynamicModule {
    return {
      module: GatewayModule,
      controllers: [GatewayController],
      providers: [
        {
          provide: Gateway,
          inject: [
            ConfigStore,
            ServiceInfo,
            CLOCK,
            Lifecycle,
            TokenVerifier,
            LoadBalancer,
            ResilienceRegistry,
            Tracing,
            Metrics,
          ],
          useFactory: createGateway,
        },
      ],
      exports: [Gateway],
    };
  }

  async onModuleInit(): Promise<void> {
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    answerClientErrors(fastify.server);
    await fastify.register(async (scope) => {
      // Bodies are streamed on, unread.
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
      scope.all('/*', (request, reply) => this.#forward(request, reply));
    });
  }

  async #forward(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    reply.hijack();
    await this.gateway.handle({
      request: request.raw,
      response: reply.raw,
      address: request.ip,
      scheme: request.protocol === 'https' ? 'https' : 'http',
      correlationId: currentContext()?.correlationId,
      traceId: currentTraceId(),
      onRoute: ({ id }) => nameRoute(request, id),
    });
  }
}

function createGateway(
  config: ConfigStore,
  service: ServiceInfo,
  clock: Clock,
  lifecycle: Lifecycle,
  verifier: TokenVerifier,
  balancer: LoadBalancer,
  resilience: ResilienceRegistry,
  tracing: Tracing,
  metrics: Metrics,
): Gateway {
  const options = config.ref('gateway', gatewaySchema);
  const gateway = new Gateway({
    app: service.name,
    options: options.value,
    verify: (token) => verifier.verify(token),
    balancer: balancerOver(balancer),
    breaker: (upstream) => resilience.circuitBreaker(upstream),
    instrumentation: { tracing, metrics },
    clock,
  });
  const stopWatching = options.onChange((value) => gateway.update(value));
  const stopCounting = gatewayMetrics(metrics, service.name);
  lifecycle.onStop('pools', 'gateway', async () => {
    stopWatching();
    stopCounting();
    await gateway.close();
  });
  return gateway;
}

function balancerOver(balancer: LoadBalancer): UpstreamBalancer {
  return {
    choose(service, exclude) {
      const lease = balancer.choose(service, { exclude });
      return {
        instanceId: lease.instance.instanceId,
        origin: baseUrl(lease.instance),
        // A call that its client gave up says nothing bad of the instance.
        release: (outcome) => lease.release(outcome === 'aborted' ? 'success' : outcome),
      };
    },
  };
}
