import { Controller, Get, UseGuards } from '@nestjs/common';
import { BasicAuthGuard, Public } from '@rookery/security';
import { readOptions } from '../discovery-server.options.js';
import { Registry } from '../registry/registry.js';

/** What Prometheus' `http_sd_config` reads. */
interface TargetGroup {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** Every registered instance as a target for Prometheus (HTTP service discovery). */
@Controller('prometheus/sd')
@Public()
@UseGuards(BasicAuthGuard('discovery', readOptions))
export class ScrapeTargetsController {
  constructor(private readonly registry: Registry) {}

  @Get()
  targets(): TargetGroup[] {
    return [...this.registry.applications().values()].flat().map((instance) => {
      const { securePort, port, ipAddr, app, instanceId } = instance;
      const isSecure = securePort.enabled;
      const host = ipAddr.includes(':') ? `[${ipAddr}]` : ipAddr;
      return {
        targets: [`${host}:${isSecure ? securePort.number : port.number}`],
        labels: {
          __scheme__: isSecure ? 'https' : 'http',
          __metrics_path__: '/manage/prometheus',
          application: app.toLowerCase(),
          instance: instanceId,
        },
      };
    });
  }
}
