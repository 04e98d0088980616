/** A difference between the brokers that is meant. */
export interface Explanation {
  /** Area and name of the check. */
  readonly check: string;
  /** The clients that see it; all that run the check when absent. */
  readonly clients?: readonly string[];
  readonly because: string;
}

/** Everything in which the embedded broker is meant to differ from Apache Kafka. */
export const EXPLAINED: readonly Explanation[] = [
  {
    check: 'producing: gets the time of the broker where the topic says so',
    because:
      'the embedded broker keeps records as they came: message.timestamp.type is CreateTime, and LogAppendTime is refused',
  },
  {
    check: 'producing: is compressed by the broker where the topic says so',
    because:
      'the embedded broker never opens batches: compression.type is producer, and others are refused',
  },
  {
    check: 'producing: needs a key where the topic is compacted',
    because:
      'the embedded broker does not compact: cleanup.policy is delete, and compact is refused',
  },
  {
    check: 'group admin: forgets what a group committed for a partition',
    because: 'the embedded broker does not serve OffsetDelete (47); deleting the group is served',
  },
  {
    check: 'group admin: forgets nothing that members are subscribed to',
    because: 'the embedded broker does not serve OffsetDelete (47)',
  },
];
