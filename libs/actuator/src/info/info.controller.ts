import { Controller, Get, Header, Inject, SetMetadata } from '@nestjs/common';
import { CLOCK, ServiceInfo } from '@rookery/config';
import { environmentOf, type Clock } from '@rookery/core';
import { PUBLIC_METADATA } from '../access/operator.js';

/** What runs here. */
export interface Info {
  readonly service: string;
  readonly instance: string;
  readonly version: string;
  readonly profile: string;
  readonly node: string;
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  /** From `GIT_COMMIT` and `GIT_BRANCH`, as a build sets them. */
  readonly git?: { readonly commit: string; readonly branch?: string };
}

/** Tells what runs here. */
@Controller('manage/info')
@SetMetadata(PUBLIC_METADATA, true)
export class InfoController {
  constructor(
    private readonly service: ServiceInfo,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get()
  @Header('cache-control', 'no-store')
  info(): Info {
    const { name, instance, version, profile, startedAt } = this.service;
    const { GIT_COMMIT: commit, GIT_BRANCH: branch } = environmentOf(name);
    return {
      service: name,
      instance,
      version,
      profile,
      node: process.version,
      startedAt: new Date(startedAt).toISOString(),
      uptimeSeconds: Math.round((this.clock.now() - startedAt) / 1000),
      ...(commit ? { git: { commit, ...(branch ? { branch } : {}) } } : {}),
    };
  }
}
