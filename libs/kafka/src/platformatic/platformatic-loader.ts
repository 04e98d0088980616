import { DriverMissingError } from '../kafka.errors.js';
import type { PlatformaticDriver } from './platformatic.driver.js';

type Constructed = ConstructorParameters<typeof PlatformaticDriver>;

/**
 * Makes a {@link PlatformaticDriver}; @platformatic/kafka is loaded only then.
 *
 * @throws DriverMissingError when it is not installed: it is an optional peer dependency
 */
export async function platformaticDriver(
  options: Constructed[0],
  parts?: Constructed[1],
): Promise<PlatformaticDriver> {
  const { PlatformaticDriver: Driver } = await load();
  return new Driver(options, parts);
}

async function load(): Promise<typeof import('./platformatic.driver.js')> {
  try {
    return await import('./platformatic.driver.js');
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new DriverMissingError('platformatic', '@platformatic/kafka', error);
  }
}
