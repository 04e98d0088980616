import { describe, expect, it } from 'vitest';
import { joinGroupApi, syncGroupApi } from '../protocol/apis/membership.api.js';
import { ErrorCode } from '../protocol/error-code.js';
import { transactions } from '../testing/transaction-client.js';

const OK = ErrorCode.NONE;

describe('offsets in a transaction', () => {
  it('count when it commits; who asks for stable ones has to wait', async () => {
    const { one, offset } = await transactions();
    const producer = await one.init();
    await one.add(producer);
    expect(await one.commitOffset(producer, 'g', 5)).toBe(ErrorCode.INVALID_TXN_STATE);
    await one.addGroup(producer, 'g');
    expect(await offset(true)).toEqual([OK, -1]);
    expect(await one.commitOffset(producer, 'g', 5)).toBe(OK);
    const unstable = [ErrorCode.UNSTABLE_OFFSET_COMMIT, -1];
    expect(await Promise.all([offset(true), offset(false)])).toEqual([unstable, [OK, -1]]);
    expect(await offset(true, 8)).toEqual(unstable);
    await one.end(producer, true);
    expect(await offset(true)).toEqual([OK, 5]);
    await one.addGroup(producer, 'g');
    await one.commitOffset(producer, 'g', 8);
    expect(await Promise.all([offset(true), offset(false)])).toEqual([unstable, [OK, 5]]);
    await one.end(producer, false);
    expect(await offset(true)).toEqual([OK, 5]);
  });

  it('do not replace what was committed after them', async () => {
    const { one, offset, commitOffset } = await transactions();
    const producer = await one.init();
    await one.addGroup(producer, 'g');
    await one.commitOffset(producer, 'g', 10);
    await commitOffset(7);
    await one.end(producer, true);
    expect(await offset(true)).toEqual([OK, 7]);
    await one.addGroup(producer, 'g');
    await commitOffset(3);
    await one.commitOffset(producer, 'g', 11);
    await one.end(producer, true);
    expect(await offset(true)).toEqual([OK, 11]);
  });

  it('are those of the present generation, if they name a member', async () => {
    const { client, one } = await transactions();
    const join = {
      groupId: 'g',
      sessionTimeoutMs: 6_000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
    };
    const { memberId, generationId } = await client.call(joinGroupApi, 3, join);
    await client.call(syncGroupApi, 3, { groupId: 'g', memberId, generationId, assignments: [] });
    const producer = await one.init();
    await one.addGroup(producer, 'g');
    const commit = (member: object, version = 3): Promise<number | undefined> =>
      one.commitOffset(producer, 'g', 1, version, member);
    expect(await commit({ memberId, generationId })).toBe(OK);
    expect(await commit({ memberId, generationId: generationId + 1 })).toBe(
      ErrorCode.ILLEGAL_GENERATION,
    );
    expect(await commit({ memberId, generationId: generationId - 1 })).toBe(
      ErrorCode.ILLEGAL_GENERATION,
    );
    expect(await commit({ memberId: 'other', generationId })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(await commit({ memberId, generationId, groupInstanceId: 'i' })).toBe(
      ErrorCode.UNKNOWN_MEMBER_ID,
    );
    // Clients from before KIP-447 name none, also when the group has members.
    expect(await commit({}, 2)).toBe(OK);
    expect(await commit({})).toBe(OK);
  });
});
