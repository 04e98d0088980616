import { EmbeddedPostgres } from '../embedded-postgres.js';

/** Starts a cluster, tells of it and waits until its input ends: what a launcher does. */
const cluster = await EmbeddedPostgres.start({
  dataDirectory: process.argv[2] ?? '',
  port: 0,
  fsync: false,
});
process.stdout.write(`${JSON.stringify({ pid: cluster.pid, adopted: cluster.adopted })}\n`);
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
