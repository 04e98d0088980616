import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../definition/define-saga.js';
import {
  Migrate,
  OnTimeout,
  Pivot,
  Reply,
  Saga,
  Start,
  Step,
} from '../definition/saga.decorator.js';
import { SagaVersionError } from '../saga.errors.js';
import * as shop from '../testing/place-order.fixture.js';
import { SagaWorld } from '../testing/saga-world.js';
import { sagaId } from './command-id.js';
import { compensate, proceed, retryStep } from './decision.js';

const orderId = 'o-1';
const State = z.object({ orderId: z.string(), coupon: z.string().default('none') });
type State = z.infer<typeof State>;

@Saga({ name: 'decide', state: State, key: 'orderId' })
class Decide {
  asks = 0;
  answer: () => unknown = () => undefined;

  @Start(shop.OrderPlaced)
  begin({ orderId: id }: { orderId: string }): State {
    return { orderId: id, coupon: 'none' };
  }

  @Step({ readOnly: true, send: shop.ReserveStock })
  look({ orderId: id }: State): { orderId: string } {
    return { orderId: id };
  }

  @Reply('look', shop.StockRefused)
  refused(state: State) {
    return proceed({ ...state, coupon: 'refused' });
  }

  @Reply('look', shop.StockReserved)
  found(): never {
    return this.answer() as never;
  }

  @OnTimeout('look')
  late() {
    return this.asks++ < 2 ? retryStep() : compensate('NO_ANSWER', 'asked three times');
  }

  @Pivot({ after: 'look' })
  async decide(state: State): Promise<State> {
    return { ...state, coupon: `${state.coupon}, decided` };
  }
}

function worldOf(saga: object, answer: () => { contract: never; data: unknown }) {
  return new SagaWorld(defineSaga(saga, { stepTimeoutMs: 1_000 }), answer);
}

const begin = (world: SagaWorld) =>
  world.engine.start('decide', { orderId }, { correlationId: 'c' });
const current = (world: SagaWorld) => world.store.find(sagaId('decide', orderId));
const refusal = () => ({ contract: shop.StockRefused as never, data: { orderId, reason: 'NO' } });
const success = () => ({
  contract: shop.StockReserved as never,
  data: { orderId, stockId: 's' },
});

describe('a handler of a reply', () => {
  it('may go on in spite of a refusal, with a new state', async () => {
    const world = worldOf(new Decide(), refusal);
    await begin(world);
    await world.drain();
    expect(await current(world)).toMatchObject({
      status: 'completed',
      state: { coupon: 'refused, decided' },
      steps: { look: { status: 'done', held: false } },
    });
  });

  it('may turn a success down', async () => {
    const saga = new Decide();
    saga.answer = () => compensate('NOT_ENOUGH');
    const world = worldOf(saga, success);
    await begin(world);
    await world.drain();
    expect(await current(world)).toMatchObject({
      status: 'compensated',
      why: { code: 'NOT_ENOUGH', step: 'look' },
    });
  });

  it('may ask again, as a new command', async () => {
    const saga = new Decide();
    let asks = 0;
    saga.answer = () => (asks++ === 0 ? retryStep() : undefined);
    const world = worldOf(saga, success);
    await begin(world);
    await world.drain();
    expect(await current(world)).toMatchObject({ status: 'running' });
    await world.pass();
    await world.drain();
    expect(asks).toBe(2);
    expect(await current(world)).toMatchObject({ status: 'completed' });
  });

  it('that gives a state which does not fit leaves the saga as it was', async () => {
    const saga = new Decide();
    saga.answer = () => ({ orderId: 7 });
    const world = worldOf(saga, success);
    await begin(world);
    world.deliver('inventory');
    await expect(world.answer('inventory')).rejects.toThrow(/state does not fit, orderId/);
    expect(await current(world)).toMatchObject({ status: 'running', state: { orderId } });
  });
});

it('a handler of a timeout may ask again until it has had enough', async () => {
  const world = worldOf(new Decide(), success);
  await begin(world);
  for (let n = 0; n < 3; n++) await world.pass();
  expect(world.commands.get('inventory')).toHaveLength(3);
  expect(await current(world)).toMatchObject({
    status: 'compensated',
    why: { code: 'NO_ANSWER', message: 'asked three times', step: 'look' },
  });
});

describe('a release that finds sagas of another', () => {
  const Newer = z.object({ orderId: z.string(), voucher: z.string() });

  @Saga({ name: 'decide', version: 2, state: Newer, key: 'orderId' })
  class DecideNewer extends Decide {
    @Migrate({ from: 1 })
    one({ orderId: id, coupon }: State): z.infer<typeof Newer> {
      return { orderId: id, voucher: coupon };
    }
    override begin({ orderId: id }: { orderId: string }): never {
      return { orderId: id, voucher: 'none' } as never;
    }
    override async decide(state: never): Promise<never> {
      return state;
    }
    override refused(): never {
      return proceed() as never;
    }
  }

  it('brings older ones to its own state', async () => {
    const older = worldOf(new Decide(), refusal);
    await begin(older);
    const [command] = older.commands.get('inventory') ?? [];
    const newer = worldOf(new DecideNewer(), refusal);
    await newer.store.transaction(async () => {
      await newer.store.insert((await current(older))!);
    });
    newer.commands.set('inventory', [command!]);
    await newer.drain();
    expect(await current(newer)).toMatchObject({
      status: 'completed',
      version: 2,
      state: { orderId, voucher: 'none' },
    });
  });

  it('leaves newer ones alone', async () => {
    const newer = worldOf(new DecideNewer(), refusal);
    await begin(newer);
    const older = worldOf(new Decide(), refusal);
    await older.store.transaction(async () => {
      await older.store.insert((await current(newer))!);
    });
    expect(await older.engine.nextDue()).toBeUndefined();
    expect(await older.engine.runDue()).toBe(false);
    older.commands.set('inventory', newer.commands.get('inventory') ?? []);
    older.deliver('inventory');
    await expect(older.answer('inventory')).rejects.toThrow(SagaVersionError);
  });
});
