export { useMessages, type SpecMessages, type UseMessagesOptions } from './use-messages.js';
