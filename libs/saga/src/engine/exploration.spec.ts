import { seededRandom } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { defineSaga } from '../definition/define-saga.js';
import * as shop from '../testing/place-order.fixture.js';
import { SagaWorld, type Answer } from '../testing/saga-world.js';
import { sagaId } from './command-id.js';

const orderId = 'o-1';
const id = sagaId('place-order', orderId);

/** Answers the questions of a schedule: which of `count` goes on. */
type Choose = (count: number) => number;

/** What the world may do to a schedule, beyond ordering it. */
interface Faults {
  readonly refused: string | undefined;
  duplicates: number;
  losses: number;
  /** Times that a timer fires before messages that are on their way. */
  hurries: number;
  /**
   * Commands and replies overtake each other, and participants do late what was undone before, as
   * when they travel through different topics.
   */
  readonly overtaking?: boolean;
}

/** What participants did, as money and stock see it. Undoing nothing bars a later doing. */
class Ledger {
  readonly held = new Map<string, number>();
  readonly #barred = new Set<string>();
  captured = 0;
  shipped = 0;

  constructor(private readonly faults: Faults) {}

  take(command: string): Answer {
    const data = { orderId };
    const refusal = { orderId, reason: 'REFUSED' };
    const no = command === this.faults.refused;
    switch (command) {
      case shop.ReserveStock.name:
        return no || !this.#hold('stock')
          ? { contract: shop.StockRefused, data: refusal }
          : { contract: shop.StockReserved, data: { orderId, stockId: 's-1' } };
      case shop.Authorize.name:
        return no || !this.#hold('money')
          ? { contract: shop.PaymentRefused, data: refusal }
          : { contract: shop.Authorized, data };
      case shop.ReleaseStock.name:
        this.#letGo('stock');
        return { contract: shop.StockReleased, data };
      case shop.Void.name:
        this.#letGo('money');
        return { contract: shop.Voided, data };
      case shop.Capture.name:
        if (no) return { contract: shop.CaptureRefused, data: refusal };
        this.captured++;
        return { contract: shop.Captured, data };
      default:
        this.shipped++;
        return { contract: shop.Shipped, data };
    }
  }

  #hold(what: string): boolean {
    if (this.#barred.has(what)) return false;
    this.held.set(what, (this.held.get(what) ?? 0) + 1);
    return true;
  }

  #letGo(what: string): void {
    if (this.faults.overtaking !== true) this.#barred.add(what);
    this.held.set(what, 0);
  }
}

async function run(choose: Choose, faults: Faults): Promise<string> {
  const saga = new shop.PlaceOrder();
  const ledger = new Ledger(faults);
  const world = new SagaWorld(defineSaga(saga, { stepTimeoutMs: 30_000 }), ({ name }) =>
    ledger.take(name),
  );
  await world.engine.start('place-order', { orderId }, { correlationId: 'c' });
  for (let steps = 0; ; steps++) {
    if (steps > 400) throw new Error('the schedule does not end');
    const moves: (() => Promise<unknown> | void)[] = [];
    for (const owner of world.pending(world.commands)) {
      moves.push(() => world.deliver(owner));
      if (faults.overtaking && (world.commands.get(owner)?.length ?? 0) > 1) {
        moves.push(() => world.deliver(owner, false, 1));
      }
      if (faults.duplicates > 0) {
        moves.push(() => (faults.duplicates--, world.deliver(owner, true)));
      }
    }
    for (const owner of world.pending(world.replies)) {
      moves.push(() => world.answer(owner));
      if (faults.overtaking && (world.replies.get(owner)?.length ?? 0) > 1) {
        moves.push(() => world.answer(owner, false, 1));
      }
      if (faults.duplicates > 0) {
        moves.push(() => (faults.duplicates--, world.answer(owner, true)));
      }
      if (faults.losses > 0) {
        moves.push(() => (faults.losses--, world.lose(owner)));
      }
    }
    const due = (await world.engine.nextDue()) !== undefined;
    if (due && (moves.length === 0 || faults.hurries > 0)) {
      moves.push(() => {
        if (moves.length > 1) faults.hurries--;
        return world.pass();
      });
    }
    if (moves.length === 0) break;
    await moves[moves.length === 1 ? 0 : choose(moves.length)]?.();
  }
  const instance = await world.store.find(id);
  check(instance?.status, saga, ledger);
  return instance?.status ?? 'gone';
}

/** What must hold however a schedule went. */
function check(status: string | undefined, saga: shop.PlaceOrder, ledger: Ledger): void {
  expect(['completed', 'compensated']).toContain(status);
  const [stock, money] = ['stock', 'money'].map((what) => ledger.held.get(what) ?? 0);
  if (status === 'completed') {
    expect({ stock, money, captured: ledger.captured, shipped: ledger.shipped }).toEqual({
      stock: 1,
      money: 1,
      captured: 1,
      shipped: 1,
    });
    expect(saga.done).toEqual(['accepted']);
  } else {
    expect({ stock, money, captured: ledger.captured, shipped: ledger.shipped }).toEqual({
      stock: 0,
      money: 0,
      captured: 0,
      shipped: 0,
    });
    expect(saga.done).toHaveLength(2);
    expect(saga.done[1]).toMatch(/^rejected /);
  }
}

/** Runs every schedule there is, up to a limit: depth first, by replaying prefixes of choices. */
async function exploreAll(faults: () => Faults, limit: number): Promise<Map<string, number>> {
  const outcomes = new Map<string, number>();
  let prefix: number[] = [];
  for (let schedules = 0; schedules < limit; schedules++) {
    const taken: { choice: number; count: number }[] = [];
    const outcome = await run((count) => {
      const choice = prefix[taken.length] ?? 0;
      taken.push({ choice, count });
      return choice;
    }, faults()).catch((error: Error) => {
      error.message += ` (schedule ${taken.map(({ choice }) => choice).join(',')})`;
      throw error;
    });
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    while (taken.length > 0 && (taken.at(-1)?.choice ?? 0) + 1 >= (taken.at(-1)?.count ?? 0)) {
      taken.pop();
    }
    const last = taken.pop();
    if (last === undefined) return outcomes;
    prefix = [...taken.map(({ choice }) => choice), last.choice + 1];
  }
  return outcomes;
}

const total = (outcomes: Map<string, number>): number =>
  [...outcomes.values()].reduce((sum, count) => sum + count, 0);

describe('every schedule ends completed or compensated, with nothing done twice or left over', () => {
  const refusals = [undefined, shop.ReserveStock, shop.Authorize, shop.Capture];

  it.each(refusals)('all orders of messages, when %o is refused', async (refused) => {
    const outcomes = await exploreAll(
      () => ({ refused: refused?.name, duplicates: 0, losses: 0, hurries: 0 }),
      5_000,
    );
    expect([...outcomes.keys()]).toEqual([refused === undefined ? 'completed' : 'compensated']);
    expect(total(outcomes)).toBeLessThan(5_000);
  });

  it('all orders of messages and one timer that fires too early', async () => {
    const outcomes = await exploreAll(
      () => ({ refused: undefined, duplicates: 0, losses: 0, hurries: 1 }),
      5_000,
    );
    expect([...outcomes.keys()].sort()).toEqual(['compensated', 'completed']);
    expect(total(outcomes)).toBeLessThan(5_000);
  });

  it('all orders with a repeated message or a lost reply, as far as they go', async () => {
    const outcomes = await exploreAll(
      () => ({ refused: undefined, duplicates: 1, losses: 1, hurries: 0 }),
      1_000,
    );
    expect(total(outcomes)).toBe(1_000);
  });

  it.each([1, 2, 3, 4])('300 random schedules with many faults, seed %i', async (seed) => {
    const outcomes = await runAtRandom(seed, (refused) => ({
      refused,
      duplicates: 3,
      losses: 2,
      hurries: 6,
    }));
    expect([...outcomes].sort()).toEqual(['compensated', 'completed']);
  });

  it.each([5, 6, 7])('300 random schedules with overtaking messages, seed %i', async (seed) => {
    const outcomes = await runAtRandom(seed, (refused) => ({
      refused,
      duplicates: 2,
      losses: 0,
      hurries: 6,
      overtaking: true,
    }));
    expect([...outcomes].sort()).toEqual(['compensated', 'completed']);
  });

  async function runAtRandom(
    seed: number,
    faults: (refused: string | undefined) => Faults,
  ): Promise<Set<string>> {
    const random = seededRandom(seed);
    const outcomes = new Set<string>();
    for (let schedule = 0; schedule < 300; schedule++) {
      const refused = refusals[Math.floor(random() * refusals.length)]?.name;
      const taken: number[] = [];
      const choose = (count: number): number => {
        taken.push(Math.floor(random() * count));
        return taken.at(-1) ?? 0;
      };
      const outcome = await run(choose, faults(refused)).catch((error: Error) => {
        error.message += ` (refused ${refused}, schedule ${taken.join(',')})`;
        throw error;
      });
      outcomes.add(outcome);
    }
    return outcomes;
  }
});
