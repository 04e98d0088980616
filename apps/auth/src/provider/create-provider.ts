import { Provider } from 'oidc-provider';
import type { ClientSecrets } from '../clients/client-secrets.js';
import { providerConfiguration, type ProviderParts } from './provider-configuration.js';

/** What {@link createProvider} needs besides the configuration. */
export interface CreateProviderOptions extends ProviderParts {
  readonly secrets: ClientSecrets;
  /** Hears of failures that are ours, not the client's. */
  readonly onError: (error: Error) => void;
}

/** The OpenID provider, ready to be mounted. */
export function createProvider(options: CreateProviderOptions): Provider {
  const provider = new Provider(options.issuer, providerConfiguration(options));
  // The addresses of its endpoints follow the host of a request; the mount sets these headers to
  // the issuer's, so that no Host header can make it name another's.
  provider.proxy = true;
  Object.defineProperty(provider.Client.prototype, 'compareClientSecret', {
    value: function (this: { clientSecret: string }, secret: string): Promise<boolean> {
      return options.secrets.matches(secret, this.clientSecret);
    },
  });
  provider.on('server_error', (_ctx, error) => options.onError(error));
  return provider;
}
