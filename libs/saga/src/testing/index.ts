export { SagaWorld, type Answer, type Participant } from './saga-world.js';
