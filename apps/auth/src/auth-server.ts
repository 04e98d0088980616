import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Grant, Provider } from 'oidc-provider';
import { InteractionExpiredError } from './auth.errors.js';

/** What the application asked for and the browser is here to answer. */
export type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>;

/** A request and its answer, as Node has them. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Everything that {@link AuthServer} is made with. */
export interface AuthServerParts {
  readonly provider: Provider;
  readonly issuer: string;
  /** Signs the forms' tokens. */
  readonly formKey: string;
}

/** The sign-in side of the provider: interactions, their forms, and how they end. */
export class AuthServer {
  constructor(private readonly parts: AuthServerParts) {}

  get provider(): Provider {
    return this.parts.provider;
  }

  get issuer(): string {
    return this.parts.issuer;
  }

  /**
   * The interaction that this browser is in.
   *
   * @throws InteractionExpiredError when it has ended, or the browser is in another one
   */
  async interaction(exchange: Exchange, uid: string): Promise<Interaction> {
    let found: Interaction;
    try {
      found = await this.provider.interactionDetails(exchange.request, exchange.response);
    } catch (error) {
      throw new InteractionExpiredError(error);
    }
    if (found.uid !== uid) throw new InteractionExpiredError();
    return found;
  }

  /** The name of the application that asks. */
  async clientName(interaction: Interaction): Promise<string> {
    const client = await this.provider.Client.find(String(interaction.params['client_id']));
    return client?.clientName ?? client?.clientId ?? 'an application';
  }

  /** A token that only our page for this interaction holds. */
  formToken({ jti }: Interaction): string {
    return createHmac('sha256', this.parts.formKey).update(`form ${jti}`).digest('base64url');
  }

  /** Whether the form was made by {@link formToken} for this interaction. */
  isFormToken(interaction: Interaction, token: unknown): boolean {
    const expected = Buffer.from(this.formToken(interaction));
    const given = Buffer.from(typeof token === 'string' ? token : '');
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  /** Records that the user signed in; returns where the browser goes on. */
  signIn(exchange: Exchange, accountId: string): Promise<string> {
    const result = { login: { accountId, amr: ['pwd'] } };
    return this.#finish(exchange, result, false);
  }

  /** Records that the user agreed to all that was asked; returns where the browser goes on. */
  async consent(exchange: Exchange, interaction: Interaction): Promise<string> {
    const grant = await this.#grantOf(interaction);
    const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = missing(interaction);
    if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '));
    if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims);
    for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) {
      grant.addResourceScope(resource, scopes.join(' '));
    }
    return this.#finish(exchange, { consent: { grantId: await grant.save() } }, true);
  }

  /** Records that the user wants none of it; returns where the browser goes on. */
  abort(exchange: Exchange): Promise<string> {
    const result = { error: 'access_denied', error_description: 'the user cancelled' };
    return this.#finish(exchange, result, false);
  }

  #finish(exchange: Exchange, result: object, merge: boolean): Promise<string> {
    const { request, response } = exchange;
    return this.provider.interactionResult(request, response, result as never, {
      mergeWithLastSubmission: merge,
    });
  }

  async #grantOf({ grantId, session, params }: Interaction): Promise<Grant> {
    const known = grantId === undefined ? undefined : await this.provider.Grant.find(grantId);
    if (known !== undefined) return known;
    if (session === undefined) throw new InteractionExpiredError();
    return new this.provider.Grant({
      accountId: session.accountId,
      clientId: String(params['client_id']),
    });
  }
}

/** What the user has not agreed to yet. */
export interface MissingConsent {
  readonly missingOIDCScope?: string[];
  readonly missingOIDCClaims?: string[];
  readonly missingResourceScopes?: Record<string, string[]>;
}

/** What an interaction of the kind `consent` asks for. */
export function missing({ prompt }: Interaction): MissingConsent {
  return prompt.details;
}
