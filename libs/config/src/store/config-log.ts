/** Where configuration tells what it does; it runs before the service has a logger. */
export type ConfigLog = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

/** One line to standard error, which is all there is that early. */
export const stderrLog: ConfigLog = (level, message) => {
  process.stderr.write(`config ${level}: ${message}\n`);
};
