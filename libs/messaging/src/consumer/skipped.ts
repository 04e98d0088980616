/** What a handler returns that was not run: an interceptor has ended the stream. It is no failure. */
export const SKIPPED: unique symbol = Symbol('rookery.messaging.skipped');
