export {
  MessageProbe,
  type MessageProbeOptions,
  type SeenDeadLetter,
  type SeenMessage,
} from './message-probe.js';
