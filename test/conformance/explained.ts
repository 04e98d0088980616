/** A difference between the brokers that is meant. */
export interface Explanation {
  /** Area and name of the check. */
  readonly check: string;
  /** The clients that see it; all that run the check when absent. */
  readonly clients?: readonly string[];
  readonly because: string;
}

/** Everything in which the embedded broker is meant to differ from Apache Kafka. */
export const EXPLAINED: readonly Explanation[] = [];
