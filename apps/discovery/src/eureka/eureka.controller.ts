import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Inject,
  Param,
  Post,
  Put,
  Query,
  Res,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { CLOCK } from '@rookery/config';
import type { Clock } from '@rookery/core';
import { BasicAuthGuard, Public } from '@rookery/security';
import type { FastifyReply } from 'fastify';
import { IncompleteInstanceError, UnknownInstanceError } from '../discovery-server.errors.js';
import { readOptions } from '../discovery-server.options.js';
import { Registry } from '../registry/registry.js';
import {
  applicationsToJson,
  applicationToJson,
  byApplication,
  type Applications,
} from './applications-json.js';
import { JsonOnlyGuard } from './eureka.guard.js';
import { IncompleteInstanceFilter } from './incomplete-instance.filter.js';
import { instanceToJson, parseInstance, status, timestamp } from './instance-json.js';
import { metadataOf } from './instance-rules.js';

/** Marks what a peer passes on. */
const REPLICATION = 'x-netflix-discovery-replication';

/** Eureka's REST interface in JSON, as Netflix's server 2.0 and Spring serve it. */
@Controller(['eureka', 'eureka/v2'])
@Public()
@UseGuards(BasicAuthGuard('discovery', readOptions), JsonOnlyGuard)
@UseFilters(IncompleteInstanceFilter)
export class EurekaController {
  constructor(
    private readonly registry: Registry,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get('apps')
  all(): object {
    return applicationsToJson(this.registry.applications(), this.registry.version);
  }

  @Get('apps/delta')
  delta(): object {
    const changed = byApplication(this.registry.delta());
    return applicationsToJson(changed, this.registry.version, this.registry.applications());
  }

  @Get('apps/:app')
  application(@Param('app') app: string): object {
    const instances = this.registry.application(app);
    if (instances.length === 0) throw new UnknownInstanceError('no such application');
    return applicationToJson(app.toUpperCase(), instances);
  }

  @Get('apps/:app/:id')
  instance(@Param('app') app: string, @Param('id') id: string): object {
    return this.#found(this.registry.instance(id, app));
  }

  @Get('instances/:id')
  instanceOfAnyApplication(@Param('id') id: string): object {
    return this.#found(this.registry.instance(id));
  }

  @Get('vips/:vip')
  vip(@Param('vip') vip: string): object {
    return this.#byAddress(({ vipAddress }) => vipAddress, vip);
  }

  @Get('svips/:vip')
  secureVip(@Param('vip') vip: string): object {
    return this.#byAddress(({ secureVipAddress }) => secureVipAddress, vip);
  }

  @Post('apps/:app')
  @HttpCode(204)
  register(
    @Param('app') app: string,
    @Body() body: unknown,
    @Headers(REPLICATION) replication?: string,
  ): void {
    this.registry.register(parseInstance(body, app, this.clock.now()), replication === 'true');
  }

  @Put('apps/:app/:id')
  renew(
    @Param('app') app: string,
    @Param('id') id: string,
    @Query('lastDirtyTimestamp') lastDirty: string | undefined,
    @Headers(REPLICATION) replication: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): object | undefined {
    const renewal = this.registry.renew(app, id, timestamp(lastDirty), replication === 'true');
    if (renewal.outcome === 'unknown') throw new UnknownInstanceError('register again');
    if (renewal.outcome === 'renewed') return undefined;
    void reply.code(409);
    return { instance: instanceToJson(renewal.instance) };
  }

  @Delete('apps/:app/:id')
  cancel(@Param('app') app: string, @Param('id') id: string): void {
    this.#demand(this.registry.cancel(app, id));
  }

  @Put('apps/:app/:id/status')
  override(
    @Param('app') app: string,
    @Param('id') id: string,
    @Query('value') value: string | undefined,
    @Query('lastDirtyTimestamp') lastDirty: string | undefined,
  ): void {
    const wanted = status(value);
    if (wanted === undefined) throw new IncompleteInstanceError('Missing value');
    this.#demand(this.registry.override(app, id, wanted, timestamp(lastDirty)));
  }

  @Delete('apps/:app/:id/status')
  liftOverride(
    @Param('app') app: string,
    @Param('id') id: string,
    @Query('value') value: string | undefined,
    @Query('lastDirtyTimestamp') lastDirty: string | undefined,
  ): void {
    this.#demand(this.registry.liftOverride(app, id, status(value), timestamp(lastDirty)));
  }

  @Put('apps/:app/:id/metadata')
  addMetadata(
    @Param('app') app: string,
    @Param('id') id: string,
    @Query() query: Record<string, string>,
  ): void {
    this.#demand(this.registry.addMetadata(app, id, metadataOf(query)));
  }

  #found(instance: Parameters<typeof instanceToJson>[0] | undefined): object {
    if (instance === undefined) throw new UnknownInstanceError('no such instance');
    return { instance: instanceToJson(instance) };
  }

  #demand(known: boolean): void {
    if (!known) throw new UnknownInstanceError('no such instance');
  }

  /** A virtual address names several, with commas, and is compared without case. */
  #byAddress(
    addressOf: (instance: { vipAddress?: string; secureVipAddress?: string }) => string | undefined,
    wanted: string,
  ): object {
    const name = wanted.toLowerCase();
    const all = [...this.registry.applications().values()].flat();
    const matching: Applications = byApplication(
      all.filter((instance) =>
        (addressOf(instance as never) ?? '').toLowerCase().split(',').includes(name),
      ),
    );
    return applicationsToJson(matching, this.registry.version);
  }
}
