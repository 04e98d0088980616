export type BrokerName = 'real' | 'embedded';

/** How a check went. */
export interface Outcome {
  readonly check: string;
  readonly broker: BrokerName;
  /** `explained`: failed, and {@link Difference.explanation} says why. */
  result: 'passed' | 'failed' | 'explained' | 'not offered';
  readonly seen?: unknown;
  readonly because?: string;
  readonly ms?: number;
  error?: Error;
}

/** What a client sees on one broker and not on the other. */
export interface Difference {
  readonly check: string;
  readonly real: string;
  readonly embedded: string;
  readonly explanation: string | undefined;
}

/** What the spec file of one client found. */
export interface SuiteReport {
  readonly client: string;
  version: string;
  /** Brokers that were not run against, with why. */
  skipped: Partial<Record<BrokerName, string>>;
  readonly outcomes: Outcome[];
  readonly differences: Difference[];
}
