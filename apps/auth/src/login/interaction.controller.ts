import { Body, Controller, Get, Param, Post, Req, Res, UseFilters } from '@nestjs/common';
import { Public } from '@rookery/security';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthServer, missing, type Exchange, type Interaction } from '../auth-server.js';
import {
  ForgedFormError,
  InteractionExpiredError,
  InvalidFormError,
  TooManyAttemptsError,
} from '../auth.errors.js';
import { pageHeaders } from '../pages/page.js';
import { consentPage, loginPage } from '../pages/pages.js';
import { originOf } from '../provider/provider-configuration.js';
import { UserRepository } from '../users/user.repository.js';
import { AttemptLimiter } from './attempt-limiter.js';
import { PageErrorFilter } from './page-error.filter.js';

type Form = Readonly<Record<string, unknown>> | undefined;

const MAX_USERNAME = 128;
/** Longer ones are refused unhashed: hashing a megabyte is work for free. */
const MAX_PASSWORD = 256;

/** The pages on which a user signs in and agrees. */
@Public()
@UseFilters(PageErrorFilter)
@Controller('interaction/:uid')
export class InteractionController {
  constructor(
    private readonly server: AuthServer,
    private readonly users: UserRepository,
    private readonly limiter: AttemptLimiter,
  ) {}

  @Get()
  async show(
    @Param('uid') uid: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const interaction = await this.server.interaction(exchangeOf(request, reply), uid);
    const form = await this.#form(interaction);
    switch (interaction.prompt.name) {
      case 'login':
        return send(reply, interaction, 200, loginPage(form));
      case 'consent':
        return send(reply, interaction, 200, consentPage({ ...form, scopes: asked(interaction) }));
      default:
        throw new InteractionExpiredError();
    }
  }

  @Post('login')
  async login(
    @Param('uid') uid: string,
    @Body() body: Form,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const interaction = await this.#submitted(uid, body, request, reply, 'login');
    const { username, password } = credentials(body);
    const form = { ...(await this.#form(interaction)), username };
    let succeed: () => void;
    try {
      succeed = this.limiter.begin(`user ${username}`, request.ip);
    } catch (error) {
      if (!(error instanceof TooManyAttemptsError)) throw error;
      void reply.headers(error.headers);
      return send(reply, interaction, 429, loginPage({ ...form, problem: error.message }));
    }
    const user = await this.users.authenticate(username, password);
    if (user === undefined) {
      // One text for a wrong name and a wrong password: which users exist is nobody's business.
      const problem = 'User name or password is wrong.';
      return send(reply, interaction, 401, loginPage({ ...form, problem }));
    }
    succeed();
    return goOn(reply, await this.server.signIn(exchangeOf(request, reply), user.id));
  }

  @Post('consent')
  async consent(
    @Param('uid') uid: string,
    @Body() body: Form,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const interaction = await this.#submitted(uid, body, request, reply, 'consent');
    return goOn(reply, await this.server.consent(exchangeOf(request, reply), interaction));
  }

  @Post('abort')
  async abort(
    @Param('uid') uid: string,
    @Body() body: Form,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.#submitted(uid, body, request, reply);
    return goOn(reply, await this.server.abort(exchangeOf(request, reply)));
  }

  async #form(
    interaction: Interaction,
  ): Promise<{ uid: string; xsrf: string; clientName: string }> {
    return {
      uid: interaction.uid,
      xsrf: this.server.formToken(interaction),
      clientName: await this.server.clientName(interaction),
    };
  }

  /** @throws ForgedFormError, InteractionExpiredError */
  async #submitted(
    uid: string,
    body: Form,
    request: FastifyRequest,
    reply: FastifyReply,
    prompt?: string,
  ): Promise<Interaction> {
    const { origin } = request.headers;
    if (origin !== undefined && origin !== new URL(this.server.issuer).origin) {
      throw new ForgedFormError();
    }
    const interaction = await this.server.interaction(exchangeOf(request, reply), uid);
    if (!this.server.isFormToken(interaction, body?.['xsrf'])) throw new ForgedFormError();
    if (prompt !== undefined && interaction.prompt.name !== prompt) {
      throw new InteractionExpiredError();
    }
    return interaction;
  }
}

function exchangeOf(request: FastifyRequest, reply: FastifyReply): Exchange {
  return { request: request.raw, response: reply.raw };
}

function send(reply: FastifyReply, { params }: Interaction, status: number, page: string): void {
  const target = originOf(params['redirect_uri']);
  const headers = pageHeaders(target === undefined ? [] : [target]);
  void reply.status(status).headers(headers).send(page);
}

/** 303, so that the browser does not send the password on. */
function goOn(reply: FastifyReply, location: string): void {
  void reply.status(303).header('location', location).header('cache-control', 'no-store').send();
}

/** All scopes that the user is asked to allow. */
function asked(interaction: Interaction): string[] {
  const { missingOIDCScope = [], missingResourceScopes = {} } = missing(interaction);
  return [...missingOIDCScope, ...Object.values(missingResourceScopes).flat()];
}

/** @throws InvalidFormError */
function credentials(body: Form): { username: string; password: string } {
  const { username, password } = body ?? {};
  const wrong = [
    ...fault('username', username, MAX_USERNAME),
    ...fault('password', password, MAX_PASSWORD),
  ];
  if (wrong.length > 0) throw new InvalidFormError(wrong);
  return { username: username as string, password: password as string };
}

function fault(
  field: string,
  value: unknown,
  longest: number,
): { field: string; message: string }[] {
  if (typeof value !== 'string' || value === '') return [{ field, message: 'is missing' }];
  return value.length > longest ? [{ field, message: `is longer than ${longest} characters` }] : [];
}
