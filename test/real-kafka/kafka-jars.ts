import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const POM = fileURLToPath(new URL('pom.xml', import.meta.url));
const JARS = fileURLToPath(
  new URL('../../node_modules/.cache/rookery/real-kafka', import.meta.url),
);

/** Why Kafka's jars cannot be had or run here, or `undefined` if they can. */
export async function whyNoKafkaJars(): Promise<string | undefined> {
  for (const [tool, flag] of [
    ['java', '-version'],
    ['mvn', '-version'],
  ] as const) {
    try {
      await run(tool, [flag]);
    } catch {
      return `${tool} is not installed`;
    }
  }
  try {
    await kafkaClassPath();
    return undefined;
  } catch (error) {
    return `Maven could not fetch Kafka: ${(error as Error).message.split('\n')[0]}`;
  }
}

/** Fetches the jars that the POM names, once, and gives the class path of them all. */
export async function kafkaClassPath(): Promise<string> {
  const complete = join(JARS, '.complete');
  const wanted = await readFile(POM, 'utf8');
  if (!existsSync(complete) || (await readFile(complete, 'utf8')) !== wanted) {
    await rm(JARS, { recursive: true, force: true });
    await mkdir(JARS, { recursive: true });
    await run(
      'mvn',
      ['-q', '-B', '-f', POM, 'dependency:copy-dependencies', `-DoutputDirectory=${JARS}`],
      { timeout: 600_000 },
    );
    await writeFile(complete, wanted);
  }
  return join(JARS, '*');
}
