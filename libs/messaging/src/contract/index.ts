// For tools that look after contracts: `@rookery/messaging/contracts`. Services do not load it.
export { Containment } from './compatibility/containment.js';
export type { JsonSchema, SchemaObject } from './compatibility/json-schema.js';
export type { Direction, Problem, ProblemKind, RuleId } from './compatibility/rules.js';
export {
  compareVersions,
  directionsOf,
  pairsOf,
  type CompatibilityFinding,
  type CompatibilityRule,
  type VersionSchema,
} from './compatibility/version-compatibility.js';
export {
  checkContracts,
  type ContractCheck,
  type ContractFinding,
  type ContractRule,
} from './lock/check-contracts.js';
export {
  consumerName,
  mergeConsumers,
  type KnownConsumer,
  type KnownConsumers,
} from './lock/consumer-lock.js';
export {
  describeContract,
  NotDescribedError,
  type LockedContract,
  type LockedContracts,
} from './lock/contract-lock.js';
export { LockFileError, LockFolder, type LockedSample } from './lock/lock-folder.js';
export { lockContracts, type LockOutcome } from './lock/lock-contracts.js';
export { checkSamples } from './samples/check-samples.js';
export { sampleOf, sampleProblem } from './samples/golden-samples.js';
export { NoValueError, valueFor, type ValueChoices } from './samples/schema-value.js';
export { seededBy } from './samples/seeded-by.js';
export { trafficOfModule } from './traffic/module-traffic.js';
export {
  asyncApiDocument,
  type AsyncApiDocument,
  type ServiceMessages,
} from '../asyncapi/asyncapi-document.js';
export { trafficOf, type Traffic } from './traffic/traffic.js';
export { publishContracts, type PublishedVersion } from '../registry/publish-contracts.js';
export {
  SchemaRegistry,
  SchemaRegistryError,
  type SchemaRegistryOptions,
} from '../registry/schema-registry.js';
export { schemaIdOf, unframed, VALUE_SCHEMA_ID } from '../registry/registry-frame.js';
