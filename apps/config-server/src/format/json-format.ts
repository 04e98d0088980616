import type { Environment } from '../repository/file-repository.js';

/** Media type of the form with an origin beside each value (Spring Cloud Config 2.2 and later). */
export const V2_JSON = 'application/vnd.spring-cloud.config-server.v2+json';

/** Whether a client asks for {@link V2_JSON}. */
export function wantsOrigins(accept: string | undefined): boolean {
  return (accept ?? '')
    .split(',')
    .some((each) => each.split(';', 1)[0]?.trim().toLowerCase() === V2_JSON);
}

/** An environment as Spring's server writes it. */
export function toJson(environment: Environment, origins: boolean): string {
  return JSON.stringify({
    name: environment.name,
    profiles: environment.profiles,
    label: environment.label ?? null,
    version: environment.version,
    state: null,
    propertySources: environment.propertySources.map(({ name, properties }) => ({
      name,
      source: Object.fromEntries(
        [...properties].map(([key, { value, origin }]) => [
          key,
          origins ? { value, origin: origin === undefined ? name : `${name} - ${origin}` } : value,
        ]),
      ),
    })),
  });
}
