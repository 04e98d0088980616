import type { Metrics } from '../metrics/metrics.js';

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;

/**
 * The samples an app exposes, for tests: values by `name{label="value",...}`, labels sorted, without
 * `application` and `instance`.
 */
export async function metricSamples(metrics: Metrics): Promise<Map<string, number>> {
  const samples = new Map<string, number>();
  for (const line of (await metrics.expose()).split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const match = SAMPLE.exec(line);
    if (match === null) throw new Error(`not a sample of Prometheus' text format: ${line}`);
    const [, name = '', labels = '', value] = match;
    const kept = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
      .filter(([, label]) => label !== 'application' && label !== 'instance')
      .map(([text]) => text)
      .sort();
    samples.set(kept.length === 0 ? name : `${name}{${kept.join(',')}}`, Number(value));
  }
  return samples;
}
