export {
  CircuitBreaker as CircuitBreakerEngine,
  circuitBreaker,
} from './circuit-breaker/circuit-breaker.js';
export { CircuitBreaker } from './circuit-breaker/circuit-breaker.decorator.js';
export type {
  CircuitBreakerConfig,
  CircuitBreakerOptions,
} from './circuit-breaker/circuit-breaker.options.js';
export type { CallTotals, CircuitBreakerMetrics } from './circuit-breaker/call-tally.js';
export type { CircuitState, CircuitStateName } from './circuit-breaker/circuit-state.js';
export { CircuitOpenError } from './circuit-breaker/circuit-open.error.js';
export { Bulkhead as BulkheadEngine, bulkhead, type BulkheadMetrics } from './bulkhead/bulkhead.js';
export { Bulkhead } from './bulkhead/bulkhead.decorator.js';
export type { BulkheadConfig, BulkheadOptions } from './bulkhead/bulkhead.options.js';
export { BulkheadFullError } from './bulkhead/bulkhead-full.error.js';
export { Retry as RetryEngine, retry, type RetryMetrics } from './retry/retry.js';
export { Retry } from './retry/retry.decorator.js';
export type { BackoffOptions, RetryConfig, RetryOptions } from './retry/retry.options.js';
export { Timeout as TimeoutEngine, timeout, type TimeoutMetrics } from './timeout/timeout.js';
export { Timeout } from './timeout/timeout.decorator.js';
export type { TimeoutConfig, TimeoutOptions } from './timeout/timeout.options.js';
export { TimerWheel, wheelOf, type WheelEntry } from './timeout/timer-wheel.js';
export {
  Fallback as FallbackEngine,
  fallback,
  type FallbackMetrics,
  type FallbackRule,
} from './fallback/fallback.js';
export { Fallback } from './fallback/fallback.decorator.js';
export {
  isDependencyFailure,
  isTransient,
  type ErrorClass,
  type ErrorMatcher,
} from './outcome/error-matcher.js';
export { composePolicies, Pipeline } from './pipeline/pipeline.js';
export { activeCall } from './pipeline/attempt.js';
export {
  POLICY_ORDER,
  type FallbackHandler,
  type Guarded,
  type Policy,
  type PolicyCall,
  type PolicyKind,
} from './pipeline/policy.js';
export type { EngineContext } from './engine-context.js';
export type { PolicyDecorator } from './method/policy.decorator.js';
export type { NamedKind, NamedRequest, PolicyOptions } from './method/policy-request.js';
export {
  ResilienceRegistry,
  type NamedPolicy,
  type PolicyDescription,
  type ResilienceRegistryParts,
} from './registry/resilience-registry.js';
export { ResilienceModule } from './resilience.module.js';
export { resilienceSchema, type ResilienceSettings } from './resilience.options.js';
export { bindResilienceMetrics } from './resilience.metrics.js';
export { TooManyPoliciesError, UnknownPolicyError } from './resilience.errors.js';
export {
  bulkheadChannel,
  circuitCallChannel,
  circuitStateChannel,
  fallbackChannel,
  retryChannel,
  timeoutChannel,
  type BulkheadBusy,
  type CircuitCall,
  type CircuitStateChanged,
  type FellBack,
  type PolicyEvent,
  type RetryEvent,
  type TimedOut,
} from './resilience.channels.js';
