import { Controller, Get } from '@nestjs/common';
import { Scopes } from '@rookery/security';
import type { RouteOptions } from './gateway.options.js';
import { Gateway } from './proxy/gateway.js';

/** What the gateway does, for operators. */
@Controller('manage/gateway')
export class GatewayController {
  constructor(private readonly gateway: Gateway) {}

  /** The routes in force, in the order in which they are tried. */
  @Get('routes')
  @Scopes('ops:read')
  routes(): RouteOptions[] {
    return [...this.gateway.options.routes].sort((a, b) => a.order - b.order);
  }
}
