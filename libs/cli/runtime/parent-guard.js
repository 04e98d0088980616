// Preloaded into every process that `rookery` starts. The channel to the parent closes when the
// parent ends, in whatever way, kill -9 included: then this process ends as well, in good order if
// that is quick.
const GRACE_MS = 5_000;

if (process.connected) {
  process.once('disconnect', () => {
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => process.exit(1), GRACE_MS).unref();
  });
  // The listener alone must not keep a process alive that has nothing left to do.
  process.channel?.unref();
}
