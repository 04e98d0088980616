export { RookeryError, isRookeryError, type RookeryErrorOptions } from './errors/rookery-error.js';
export { InvalidOptionError } from './errors/invalid-option.error.js';
export { TimeoutError } from './errors/timeout.error.js';
export { AbortedError } from './errors/aborted.error.js';
export { PROBLEM_JSON, problem, problemOf, type Problem } from './errors/problem.js';
export { toMilliseconds, type Duration } from './duration/duration.js';
export { BaseClock, systemClock, type Cancel, type Clock } from './clock/clock.js';
export { backoffDelay, type Backoff } from './backoff/backoff.js';
export { systemRandom, type Random } from './clock/random.js';
export {
  currentContext,
  isCorrelationId,
  runInContext,
  runWithContext,
  type Principal,
  type RequestContext,
} from './context/request-context.js';
export { Deadline } from './deadline/deadline.js';
export { channel, type Channel } from './channels/channel.js';
export { durationOption, resolveOptions } from './options/resolve-options.js';
export { wrapMethod, type Method } from './decorators/wrap-method.js';
export {
  environmentOf,
  hostApps,
  isHosted,
  joinHost,
  type Environment,
  type StopApp,
} from './environment/environment.js';
export {
  Lifecycle,
  START_PHASES,
  STOP_PHASES,
  type LifecycleHook,
  type LifecycleReport,
  type StartPhase,
  type StopPhase,
} from './lifecycle/lifecycle.js';
export {
  HealthRegistry,
  type HealthContributor,
  type HealthGroup,
  type HealthResult,
  type HealthStatus,
} from './health/health-registry.js';
