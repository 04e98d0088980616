import { join } from 'node:path';
import { joinTestCluster, type TestCluster } from './test-cluster.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where `useDatabase` finds the cluster. */
    'rookery:postgres': TestCluster;
  }
}

/** The part of vitest's project that a global setup gets and this one needs. */
interface Project {
  readonly config: { readonly root: string };
  provide(key: 'rookery:postgres', value: TestCluster): void;
}

/** A vitest `globalSetup`: PostgreSQL for `useDatabase`, under `.rookery` of the workspace. */
export default async function setup(project: Project): Promise<() => Promise<void>> {
  const run = await joinTestCluster(join(project.config.root, '.rookery', 'test-pg'));
  project.provide('rookery:postgres', run.cluster);
  return () => run.close();
}
