/** Who may connect to brokers of specs that check. The names hold what SCRAM has to escape. */
export const USERS = { alice: 'alice-secret', 'b,o=b': 'pässwörd,=%' } as const;
