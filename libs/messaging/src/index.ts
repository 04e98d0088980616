export { defineCommand, defineEvent, defineReply } from './contract/define-contract.js';
export type {
  CommandContract,
  CommandOptions,
  Compatibility,
  DataOf,
  EventContract,
  EventOf,
  EventOptions,
  MessageContract,
  NewestOf,
  ReplyContract,
  ReplyOptions,
  Versions,
} from './contract/contract.js';
export type {
  InputOf,
  OutputOf,
  SchemaIssue,
  SchemaResult,
  StandardSchema,
} from './contract/standard-schema.js';
export {
  BatchFailedError,
  ContractViolationError,
  HandlerTimeoutError,
  InvalidEditError,
  InvalidMessageRequestError,
  MessageChangedError,
  MessageInUseError,
  MessageNotFirstError,
  MessageNotFoundError,
  MessageTooLargeError,
  NoHandlerError,
  StaleMessageError,
  UnexpectedReplyError,
  UnprocessableMessageError,
  UnreadableRecordError,
  type UnreadableReason,
} from './messaging.errors.js';
export type { MessageContext } from './handler/message-context.js';
export { isReply, reply, type Reply, type ReplyTo } from './handler/reply.js';
export { OnEvent } from './handler/on-event.decorator.js';
export { OnEvents, type BatchHandlerOptions } from './handler/on-events.decorator.js';
export type { BatchContext, BatchFailure, BatchMessage } from './batch/batch-message.js';
export { OnTombstone } from './handler/on-tombstone.decorator.js';
export { OnCommand } from './handler/on-command.decorator.js';
export type { FieldOf, HandlerOptions, RetryPolicy, UsedOf } from './handler/handler.options.js';
export {
  declareTraffic,
  Sends,
  type HandledMessage,
  type Traffic,
} from './contract/traffic/traffic.js';
export {
  MessagePublisher,
  type PublishOptions,
  type SendOptions,
} from './publish/message-publisher.js';
export type { DelayOptions } from './delay/due-time.js';
export {
  MessagingRuntime,
  type BatchSubscription,
  type RecordSubscription,
  type Subscription,
  type TombstoneSubscription,
} from './consumer/messaging-runtime.js';
export { MessageOperations, type MessagePage } from './operations/message-operations.js';
export type { FailedMessage, FailedMessageDetails, Payload } from './operations/message-view.js';
export type {
  DiscardRequest,
  EditRequest,
  MessageQuery,
  ReplayJobRequest,
  ReplayRequest,
} from './operations/message-requests.js';
export type { MessageAction } from './operations/message-actions.js';
export type { FailureCount } from './parking/failed-messages.js';
export type { FailureStatus } from './parking/failure-rows.js';
export type { ReplayJob } from './replay/replay-jobs.js';
export type { KeyReplay, ReplayResult } from './replay/replayer.js';
export { MessagingModule } from './messaging.module.js';
export { messagingOptions, type MessagingOptions } from './messaging.options.js';
export { messagingMigrations } from './messaging.migrations.js';
export { DEAD_LETTER_HEADER, deadLetterTopic, HEADER } from './envelope/header-names.js';
export {
  MessagingEngine,
  type MessagingEngineParts,
  type MessagingListener,
} from './messaging-engine.js';
