import { join } from 'node:path';

/** Where a workspace keeps what belongs to this machine only; none of it is committed. */
export class WorkspacePaths {
  /** What the config server serves; part of the workspace, unlike the rest. */
  readonly configuration: string;
  /** The folder of all that follows. */
  readonly home: string;
  /** Bundles of the apps. */
  readonly build: string;
  /** V8's code cache of the bundles. */
  readonly compileCache: string;
  /** Data of the embedded PostgreSQL. */
  readonly postgres: string;
  /** Data of the embedded Kafka. */
  readonly kafka: string;
  /** Generated development secrets. */
  readonly secrets: string;
  /** What the auth app fills its database from. */
  readonly authSeed: string;
  /** What runs now. */
  readonly state: string;
  /** How an app that is started by itself joins what runs now. */
  readonly environments: string;
  /** Output of a detached run. */
  readonly log: string;

  constructor(readonly root: string) {
    this.configuration = join(root, 'config');
    this.home = join(root, '.rookery');
    this.build = join(this.home, 'build');
    this.compileCache = join(this.home, 'cache/v8');
    this.postgres = join(this.home, 'postgres');
    this.kafka = join(this.home, 'kafka');
    this.secrets = join(this.home, 'secrets.json');
    this.authSeed = join(this.home, 'auth-seed.json');
    this.state = join(this.home, 'run/state.json');
    this.environments = join(this.home, 'run/environments.json');
    this.log = join(this.home, 'run/rookery.log');
  }
}
