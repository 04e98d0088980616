import { describe, expect, it } from 'vitest';
import { kafkaUsers } from './kafka-users.js';

describe('kafkaUsers', () => {
  it('reads pairs from a variable', () => {
    expect(kafkaUsers(undefined, 'alice:a:b,bob: c ')).toEqual({ alice: 'a:b', bob: ' c ' });
  });

  it.each([undefined, ''])('finds nobody in %j', (variable) => {
    expect(kafkaUsers(undefined, variable)).toBeUndefined();
  });

  it.each(['hidden', ':hidden', 'hidden:', 'alice:x,hidden'])(
    'refuses %j without repeating it',
    (variable) => {
      expect(() => kafkaUsers(undefined, variable)).toThrow(/entry \d of KAFKA_USERS is no user/);
      expect(() => kafkaUsers(undefined, variable)).not.toThrow(/hidden/);
    },
  );
});
