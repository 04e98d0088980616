export { ActuatorModule } from './actuator.module.js';
export { managementSchema, type ManagementConfig } from './actuator.options.js';
export {
  InvalidManagementRequestError,
  OperatorsOnlyError,
  TraceNotFoundError,
  TracesOffError,
} from './actuator.errors.js';
export { isOperator, PUBLIC_METADATA } from './access/operator.js';
export {
  HealthReporter,
  type ComponentHealth,
  type HealthReport,
  type HealthReporterOptions,
  type Status,
} from './health/report.health.js';
export { Liveness } from './health/liveness.js';
export { type Info } from './info/info.controller.js';
export {
  closeGracefully,
  trackResponses,
  type CloseGracefullyOptions,
  type HasServer,
} from './shutdown/close-gracefully.js';
export { drain } from './shutdown/drain.js';
export {
  installShutdown,
  type ShutdownOptions,
  type ShutdownProcess,
  type StopSignal,
} from './shutdown/install-shutdown.js';
