export { bootstrap } from './bootstrap/bootstrap.js';
export { createApp, type CreateAppOptions, type RunningApp } from './bootstrap/create-app.js';
export {
  EventStream,
  TooManyStreamsError,
  type EventStreamOptions,
  type StreamEvent,
} from './event-stream/event-stream.js';
export { RookeryModule } from './rookery.module.js';
export { type RookeryOptions } from './rookery.options.js';
export { ProblemFilter, toProblem } from './problem/problem.filter.js';
export { InvalidRequestError } from './validation/invalid-request.error.js';
export { NotFoundError } from './validation/not-found.error.js';
export {
  ValidatedBody,
  ValidatedHeader,
  ValidatedParam,
  ValidatedQuery,
} from './validation/validated.decorator.js';
