import { Controller, Get, Param, Req, Res } from '@nestjs/common';
import { Public } from '@rookery/security';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { NothingThereError } from '../console.errors.js';
import { WebAssets } from './web-assets.js';

/** The page. */
@Controller()
@Public()
export class WebController {
  constructor(private readonly assets: WebAssets) {}

  @Get()
  async page(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    // Asked for anew each time, because it names the files of the current build.
    await this.#send('index.html', 'no-cache', request, reply);
  }

  @Get('assets/:name')
  async asset(
    @Param('name') name: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    // Names change with the content.
    await this.#send(name, 'private, max-age=31536000, immutable', request, reply);
  }

  async #send(
    name: string,
    cacheControl: string,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    const asset = await this.assets.find(name);
    if (asset === undefined) throw new NothingThereError('no such file');
    void reply.header('cache-control', cacheControl).header('etag', asset.etag);
    if (request.headers['if-none-match'] === asset.etag) void reply.code(304).send();
    else void reply.type(asset.type).send(asset.body);
  }
}
