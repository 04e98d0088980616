import type { Registrant } from '../eureka/instance-json.js';

/** The part of a registry that takes registrations. `EurekaClient` is one. */
export interface Registrar {
  register(registrant: Registrant): Promise<void>;
  /** False when the registry does not know the instance (any more). */
  renew(registrant: Registrant): Promise<boolean>;
  cancel(registrant: Registrant): Promise<void>;
}
