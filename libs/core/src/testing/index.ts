export { VirtualClock, settle } from './virtual-clock.js';
export { seededRandom } from './seeded-random.js';
