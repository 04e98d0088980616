export {
  Compensate,
  Migrate,
  OnTimeout,
  Pivot,
  Reply,
  Saga,
  Start,
  Step,
} from './definition/saga.decorator.js';
export type {
  LocalStepOptions,
  PivotOptions,
  RemoteCompensationOptions,
  RemotePivotOptions,
  RemoteStepOptions,
  SagaOptions,
  StepRetry,
} from './definition/saga-metadata.js';
export type {
  Backoff,
  CompensationDefinition,
  SagaDefinition,
  SagaState,
  StepDefinition,
} from './definition/saga-definition.js';
export { defineSaga, type SagaDefaults } from './definition/define-saga.js';
export {
  compensate,
  proceed,
  retryStep,
  StepFailed,
  type Decision,
  type Why,
} from './engine/decision.js';
export { SagaEngine, type SagaEngineParts, type SagaListener } from './engine/saga-engine.js';
export {
  SagaStore,
  type IncomingReply,
  type KnownSaga,
  type OutgoingCommand,
  type SagaFilter,
  type SagaTracer,
  type SagaTransport,
} from './engine/saga-ports.js';
export type {
  HistoryEntry,
  Leg,
  SagaInstance,
  SagaStatus,
  StepRecord,
  StepStatus,
  Wait,
} from './engine/saga-instance.js';
export { SagaModule } from './saga.module.js';
export { sagaMigrations } from './saga.migrations.js';
export { sagaOptions, type SagaConfig } from './saga.options.js';
export {
  SagaOperations,
  type SagaCount,
  type SagaDetails,
  type SagaQuery,
  type SagaSummary,
  type StepView,
} from './operations/saga-operations.js';
export {
  ignoredReply,
  sagaTransition,
  stepTransition,
  type IgnoredReply,
  type SagaTransition,
  type StepTransition,
} from './saga.channels.js';
export {
  InvalidSagaQueryError,
  SagaConflictError,
  SagaDefinitionError,
  SagaNotFoundError,
  SagaStateError,
  SagaVersionError,
} from './saga.errors.js';
