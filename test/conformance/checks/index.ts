import type { Check } from './check.js';
import { CONFIGS } from './configs.js';
import { CONSUMING } from './consuming.js';
import { GROUP_ADMIN } from './group-admin.js';
import { GROUPS } from './groups.js';
import { LOGIN } from './login.js';
import { OFFSETS } from './offsets.js';
import { PRODUCING } from './producing.js';
import { TOPICS } from './topics.js';
import { TRANSACTIONS } from './transactions.js';

/** All checks, in the order of the report. */
export const CHECKS: readonly Check[] = [
  ...TOPICS,
  ...CONFIGS,
  ...PRODUCING,
  ...CONSUMING,
  ...OFFSETS,
  ...GROUPS,
  ...GROUP_ADMIN,
  ...TRANSACTIONS,
  ...LOGIN,
];
