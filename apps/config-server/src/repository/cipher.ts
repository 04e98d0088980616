import type { PropertySource, PropertyValue } from '@rookery/config';

const PREFIX = '{cipher}';

/**
 * Takes out values that are encrypted: this server holds no key, and a cipher text used as a
 * password is worse than none. As Spring's server does with what it cannot decrypt, the key is
 * dropped and `invalid.<key>` says so.
 */
export function withoutCiphers(source: PropertySource): PropertySource {
  const properties = new Map<string, PropertyValue>();
  let found = false;
  for (const [key, property] of source.properties) {
    if (typeof property.value === 'string' && property.value.startsWith(PREFIX)) {
      found = true;
      properties.set(`invalid.${key}`, { value: '<n/a>', origin: property.origin });
    } else properties.set(key, property);
  }
  return found ? { name: source.name, properties } : source;
}
