import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { kafkaClassPath, whyNoKafkaJars } from '../../real-kafka/kafka-jars.js';
import { WorkerClient } from '../port/worker-client.js';
import type { ClientSource } from '../suite/suite.js';

const run = promisify(execFile);
const SOURCES = fileURLToPath(new URL('java/', import.meta.url));
const CACHE = fileURLToPath(new URL('../../../node_modules/.cache/rookery/', import.meta.url));

/** The client of Apache Kafka itself. */
export const javaClient: ClientSource = {
  name: 'java',
  obstacle: whyNoJava,
  start: async ({ plain, sasl }) =>
    WorkerClient.start('java', [...(await javaArgs('Worker')), plain, sasl]),
};

/** Why what is written in Java cannot be run here, or `undefined` if it can. */
export async function whyNoJava(): Promise<string | undefined> {
  try {
    await run('javac', ['-version']);
  } catch {
    return 'javac is not installed';
  }
  return whyNoKafkaJars();
}

/** What `java` needs to run one of our classes; compiles them when they changed. */
export async function javaArgs(main: string): Promise<string[]> {
  const jars = await kafkaClassPath();
  const files = (await readdir(SOURCES)).filter((file) => file.endsWith('.java')).sort();
  const hash = createHash('sha256');
  for (const file of files) hash.update(await readFile(join(SOURCES, file)));
  const classes = join(CACHE, `java-workers-${hash.digest('hex').slice(0, 16)}`);
  if (!existsSync(classes)) {
    const building = `${classes}.${process.pid}`;
    await mkdir(building, { recursive: true });
    const sources = files.map((file) => join(SOURCES, file));
    await run('javac', ['-encoding', 'UTF-8', '-cp', jars, '-d', building, ...sources]);
    // Another process may have been faster.
    await rename(building, classes).catch(() => rm(building, { recursive: true, force: true }));
  }
  // Starts fast rather than running fast for long; no logging but what fails.
  const quick = ['-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];
  return [...quick, `-Dlog4j2.level=ERROR`, '-cp', [classes, jars].join(delimiter), main];
}
