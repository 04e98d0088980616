import type { KafkajsDriver } from './kafkajs.driver.js';

type Constructed = ConstructorParameters<typeof KafkajsDriver>;

/** Makes a {@link KafkajsDriver}; kafkajs is loaded only then. */
export async function kafkajsDriver(
  options: Constructed[0],
  parts?: Constructed[1],
): Promise<KafkajsDriver> {
  const { KafkajsDriver: Driver } = await import('./kafkajs.driver.js');
  return new Driver(options, parts);
}
