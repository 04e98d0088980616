/** A produce request for partition 0 of a topic. */
export const produceTo = (name: string, records: Buffer, { acks = -1, index = 0 } = {}) => ({
  transactionalId: null,
  acks,
  timeoutMs: 1_000,
  topics: [{ name, partitions: [{ index, records }] }],
});

/** A fetch request for one partition of a topic that does not wait. */
export const fetchFrom = (
  name: string,
  fetchOffset: number,
  { index = 0, currentLeaderEpoch = -1, maxWaitMs = 0 } = {},
) => ({
  replicaId: -1,
  maxWaitMs,
  minBytes: 1,
  maxBytes: 1_000_000,
  isolationLevel: 0,
  topics: [{ name, partitions: [{ index, fetchOffset, currentLeaderEpoch, maxBytes: 1_000_000 }] }],
});

/** A request of a new member to join a group. */
export const joinOf = (groupId: string, change = {}) => ({
  groupId,
  sessionTimeoutMs: 6_000,
  rebalanceTimeoutMs: 6_000,
  memberId: '',
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: Buffer.from('m') }],
  ...change,
});
