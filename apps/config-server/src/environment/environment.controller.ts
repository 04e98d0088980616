import { createHash } from 'node:crypto';
import { Controller, Get, Param, Query, Req, Res, UseGuards } from '@nestjs/common';
import { BasicAuthGuard, Public } from '@rookery/security';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ConfigNotFoundError } from '../config-server.errors.js';
import { readOptions } from '../config-server.options.js';
import { FLAT_FORMATS, parseFlatFile, toFlat, type FlatFile } from '../format/flat-format.js';
import { toJson, V2_JSON, wantsOrigins } from '../format/json-format.js';
import { FileRepository } from '../repository/file-repository.js';
import { parseAddress } from '../repository/names.js';

/** Where clients learn of changes; announced with each answer. */
const MONITOR = '</revisions>; rel="monitor"; type="text/event-stream"';

/** Spring Cloud Config Server's HTTP interface. */
@Controller()
@Public()
@UseGuards(BasicAuthGuard('config', readOptions))
export class EnvironmentController {
  constructor(private readonly repository: FileRepository) {}

  @Get(':file')
  async flat(
    @Param('file') file: string,
    @Query('resolvePlaceholders') resolve: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const flat = parseFlatFile(file);
    if (flat === undefined) throw new ConfigNotFoundError('expected /{application}/{profiles}');
    await this.#sendFlat(flat, undefined, resolve, request, reply);
  }

  /** Two segments are an application and profiles, or a label and a flat file. */
  @Get(':first/:second')
  async environment(
    @Param('first') first: string,
    @Param('second') second: string,
    @Query('resolvePlaceholders') resolve: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const flat = parseFlatFile(second);
    if (flat === undefined) await this.#sendJson(first, second, undefined, request, reply);
    else await this.#sendFlat(flat, first, resolve, request, reply);
  }

  @Get(':application/:profiles/:label')
  async labelled(
    @Param('application') application: string,
    @Param('profiles') profiles: string,
    @Param('label') label: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.#sendJson(application, profiles, label, request, reply);
  }

  async #sendJson(
    application: string,
    profiles: string,
    label: string | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    const environment = await this.repository.find(parseAddress(application, profiles, label));
    const origins = wantsOrigins(request.headers.accept);
    const type = origins ? V2_JSON : 'application/json; charset=utf-8';
    void reply.header('vary', 'accept');
    send(toJson(environment, origins), type, request, reply);
  }

  async #sendFlat(
    { application, profiles, format }: FlatFile,
    label: string | undefined,
    resolve: string | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    const environment = await this.repository.find(parseAddress(application, profiles, label));
    const body = toFlat(environment, format, resolve !== 'false');
    send(body, FLAT_FORMATS[format], request, reply);
  }
}

/** Sends a body, or 304 to a client that has it. */
function send(body: string, type: string, request: FastifyRequest, reply: FastifyReply): void {
  const etag = `"${createHash('sha256').update(type).update(body).digest('hex').slice(0, 32)}"`;
  void reply.header('etag', etag).header('link', MONITOR);
  // Kept by the client alone, and only to be asked about.
  void reply.header('cache-control', 'private, no-cache');
  const known = (request.headers['if-none-match'] ?? '').split(',');
  if (known.some((each) => each.trim().replace(/^W\//, '') === etag)) {
    void reply.code(304).send();
  } else {
    void reply.type(type).send(body);
  }
}
