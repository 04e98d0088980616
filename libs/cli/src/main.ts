import { isRookeryError } from '@rookery/core';
import { Command, CommanderError } from 'commander';
import type { RawDemoOptions } from './commands/demo.js';
import type { RawKafkaOptions } from './commands/kafka.js';
import { addMessages } from './messages/messages-command.js';
import type { RawRunOptions } from './run/run-options.js';

const program = new Command('rookery')
  .description('Start, stop and inspect a Rookery workspace')
  .exitOverride()
  // One line says what is wrong; the help is an option away.
  .configureOutput({ outputError: () => undefined })
  .enablePositionalOptions();

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const runOptions = (command: Command): Command =>
  command
    .option('--only <apps>', 'only these apps and what they depend on, as in orders,payments')
    .option('--port <ports>', 'ports that must be these, as in orders=8181,kafka=9095')
    .option('--kafka <brokers>', 'a Kafka to use in place of the embedded one, as in host:9092')
    .option('--pg <url>', 'a PostgreSQL to use in place of the embedded one')
    .option('--log <format>', 'pretty or json; pretty on a terminal when not given');

runOptions(program.command('up').description('start the platform'))
  .option('--one', 'all apps in one process')
  .option('--instances <counts>', 'instances of an app, as in orders=2')
  .option('-d, --detach', 'in the background; returns when all is ready')
  .action(async (options: RawRunOptions & { detach?: boolean }) => {
    if (options.detach === true) {
      const { upDetached } = await import('./commands/detach.js');
      const rest = process.argv.slice(3).filter((argument) => !/^(-d|--detach)$/.test(argument));
      return upDetached(options, rest);
    }
    const { up } = await import('./commands/up.js');
    return up(options, options.one === true ? 'one' : 'processes');
  });

runOptions(program.command('dev'))
  .description('start from the sources, and restart the apps that a saved file affects')
  .action(async (options: RawRunOptions) => (await import('./commands/up.js')).up(options, 'dev'));

program
  .command('down')
  .description('stop the platform')
  .action(async () => (await import('./commands/down.js')).down(say));

program
  .command('status')
  .description('show what runs; exit code 1 when not everything is ready')
  .option('--json', 'as JSON')
  .action(async ({ json = false }: { json?: boolean }) => {
    const { status } = await import('./commands/status.js');
    if (!(await status(json, say))) process.exitCode = 1;
  });

program
  .command('doctor')
  .description('check what a run needs; exit code 1 when something is in the way')
  .option('--json', 'as JSON')
  .action(async ({ json = false }: { json?: boolean }) => {
    const { doctor } = await import('./commands/doctor.js');
    if (!(await doctor(json, say))) process.exitCode = 1;
  });

program
  .command('demo')
  .description('place orders of mixed fate and check that all of it adds up')
  .option('--orders <count>', 'how many orders, 60 when not given')
  .option('--concurrency <count>', 'how many at once, 8 when not given')
  .option('--lenient', 'an order may be rejected because a service was away too long')
  .action(async (options: RawDemoOptions) => {
    const { demo } = await import('./commands/demo.js');
    if (!(await demo(options, say))) process.exitCode = 1;
  });

program
  .command('token')
  .description('print an access token of the demo client')
  .action(async () => (await import('./commands/token.js')).token(say));

program
  .command('reset')
  .description('remove databases, messages and development secrets')
  .action(async () => (await import('./commands/reset.js')).reset(say));

program
  .command('kafka')
  .description('run the embedded Kafka alone')
  .option('--port <port>', 'port of the first node; further ones have those that follow')
  .option('--nodes <count>', 'virtual nodes, 1 to 9; 1 when not given')
  .option('--topics <topics>', 'topics to make if they are not there, as in orders:6,payments')
  .option('--users <file>', 'who may connect: name:password lines; also from KAFKA_USERS')
  .option('--data <folder>', 'where to keep topics and records')
  .option('--memory', 'keep nothing on disk')
  .action(async (options: RawKafkaOptions) => {
    const { kafka } = await import('./commands/kafka.js');
    process.exitCode = await kafka(options);
  });

addMessages(program, say);

const contracts = program
  .command('contracts')
  .description('look after what services tell each other: versions, lock files, samples');

contracts
  .command('check')
  .description(
    'compare the contracts with what was released; exit code 1 when somebody would break',
  )
  .option('--json', 'as JSON')
  .action(async ({ json = false }: { json?: boolean }) => {
    const { checkContracts } = await import('./commands/contracts.js');
    if (!(await checkContracts(json, say))) process.exitCode = 1;
  });

contracts
  .command('lock')
  .description('write lock files and samples of new versions, unless somebody would break')
  .option('--unreleased <versions>', 'versions that may change, as in orders.order-placed@2,...')
  .option('--json', 'as JSON')
  .action(async (options: { unreleased?: string; json?: boolean }) => {
    const { lockContracts } = await import('./commands/contracts.js');
    if (!(await lockContracts(options, say))) process.exitCode = 1;
  });

contracts
  .command('publish')
  .description('register what the lock files hold with a schema registry')
  .option('--registry <url>', 'its address; SCHEMA_REGISTRY_URL when not given')
  .option('--json', 'as JSON')
  .action(async (options: { registry?: string; json?: boolean }) => {
    const { publishContracts } = await import('./commands/publish-contracts.js');
    await publishContracts(options, say);
  });

program
  .command('asyncapi [service]')
  .description('print what services say and hear, as AsyncAPI 3.1')
  .option('--yaml', 'as YAML')
  .action(async (service: string | undefined, options: { yaml?: boolean }) => {
    const { asyncApi } = await import('./commands/asyncapi.js');
    await asyncApi(service, options, say);
  });

// A clock's timers do not keep a process: without this it would end while a command only waits.
const alive = setInterval(() => undefined, 60_000);
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = fail(error);
} finally {
  clearInterval(alive);
}

/** One line with cause and mend; a stack only for what nobody foresaw. */
function fail(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0 || error.code === 'commander.help') return error.exitCode;
    const cause = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
    process.stderr.write(`rookery: ${cause}; see npx rookery --help\n`);
    return 1;
  }
  const known = isRookeryError(error);
  const text = known ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`rookery: ${refusedBySystem(error) ?? text}\n`);
  return 1;
}

/** What the operating system refuses with files, and what to do about it. */
function refusedBySystem(error: unknown): string | undefined {
  const { code, path } = error as NodeJS.ErrnoException;
  if (path === undefined) return undefined;
  if (code === 'ENOSPC') return `no space left to write ${path}: make room`;
  if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') return undefined;
  return `no permission to use ${path} (${code}): run this as the owner of the workspace, in a folder that can be written`;
}
