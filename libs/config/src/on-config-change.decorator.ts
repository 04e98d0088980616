import { SetMetadata } from '@nestjs/common';

/** Metadata key of {@link OnConfigChange}. */
export const ON_CONFIG_CHANGE = 'rookery:on-config-change';

/**
 * Calls the method, with a {@link ConfigChange} of the keys below `path`, after each refresh that
 * changed one of them. What it throws is logged; the new values are in force already.
 */
export function OnConfigChange(path: string): MethodDecorator {
  return SetMetadata(ON_CONFIG_CHANGE, path);
}
