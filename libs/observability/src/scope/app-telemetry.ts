import type { Metrics } from '../metrics/metrics.js';
import type { Tracing } from '../tracing/tracing.js';
import { currentApp } from './app-scope.js';

/** What an app observes itself with. */
export interface AppTelemetry {
  readonly app: string;
  readonly tracing: Tracing;
  readonly metrics: Metrics;
}

const apps = new Map<string, AppTelemetry>();

/** Makes an app's telemetry known to code that has no injector; the returned function undoes it. */
export function registerTelemetry(telemetry: AppTelemetry): () => void {
  apps.set(telemetry.app, telemetry);
  return () => {
    if (apps.get(telemetry.app) === telemetry) apps.delete(telemetry.app);
  };
}

/** The telemetry of the app that runs now; with a single app in the process, always that one's. */
export function currentTelemetry(): AppTelemetry | undefined {
  const app = currentApp();
  if (app !== undefined) return apps.get(app);
  if (apps.size !== 1) return undefined;
  const [only] = apps.values();
  return only;
}
