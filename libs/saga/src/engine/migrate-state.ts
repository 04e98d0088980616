import type { SagaDefinition, SagaState } from '../definition/saga-definition.js';
import { SagaStateError, SagaVersionError } from '../saga.errors.js';
import type { SagaInstance } from './saga-instance.js';

/**
 * Checks a state that came from outside.
 *
 * @throws SagaStateError naming the first property that does not fit
 */
export function parseState(definition: SagaDefinition, state: unknown, what: string): SagaState {
  const parsed = definition.state.safeParse(state);
  if (parsed.success) return parsed.data as SagaState;
  const [issue] = parsed.error.issues;
  throw new SagaStateError(
    `saga ${definition.name}: ${what} does not fit, ${issue?.path.join('.')}: ${issue?.message}`,
  );
}

/**
 * Brings an instance that an older release left to this one.
 *
 * @throws SagaVersionError when a newer release wrote it, or one with a step under way that this one
 *   has no more
 */
export async function migrateState(
  definition: SagaDefinition,
  instance: SagaInstance,
): Promise<void> {
  if (instance.version > definition.version) {
    throw new SagaVersionError(
      `saga ${instance.id} is of version ${instance.version} of ${definition.name}, ` +
        `this release knows ${definition.version}`,
    );
  }
  checkSteps(definition, instance);
  if (instance.version === definition.version) return;
  let { state } = instance;
  for (let version = instance.version; version < definition.version; version++) {
    const migrate = definition.migrations.get(version);
    if (migrate === undefined) {
      throw new SagaVersionError(`saga ${definition.name} cannot read version ${version}`);
    }
    state = await migrate(state);
  }
  instance.state = parseState(definition, state, `state of version ${instance.version}`);
  instance.version = definition.version;
}

/** Nobody would ever end such a step: its timer would be due again and again, before all others. */
function checkSteps({ name, steps }: SagaDefinition, instance: SagaInstance): void {
  const known = new Set(steps.map((step) => step.name));
  for (const [step, { wait, compensation }] of Object.entries(instance.steps)) {
    if (known.has(step) || (wait ?? compensation?.wait) === undefined) continue;
    throw new SagaVersionError(
      `saga ${instance.id}: step '${step}' is under way, and this release of ${name} has none of ` +
        'that name; bring it back until no saga waits for it',
    );
  }
}
