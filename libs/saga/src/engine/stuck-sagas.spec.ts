import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../definition/define-saga.js';
import { Compensate, Pivot, Saga, Start, Step } from '../definition/saga.decorator.js';
import * as shop from '../testing/place-order.fixture.js';
import { SagaWorld, type Participant } from '../testing/saga-world.js';
import { sagaId } from './command-id.js';
import { StepFailed } from './decision.js';

const orderId = 'o-1';
const State = z.object({ orderId: z.string() });
type State = z.infer<typeof State>;

@Saga({ name: 'stuck', state: State, key: 'orderId', deadline: '1h' })
class Stuck {
  captures = 0;
  captureFails: Error | undefined;
  releaseFails = false;

  @Start(shop.OrderPlaced)
  begin({ orderId: id }: { orderId: string }): State {
    return { orderId: id };
  }

  @Step({ send: shop.ReserveStock, timeout: '10s' })
  reserve({ orderId: id }: State): State {
    return { orderId: id };
  }

  @Compensate('reserve')
  release(): void {
    if (this.releaseFails) throw new StepFailed('CANNOT_RELEASE');
  }

  @Step({ send: shop.Authorize, timeout: '20s' })
  authorize({ orderId: id }: State): State {
    return { orderId: id };
  }

  @Compensate('authorize', { send: shop.Void })
  voidPayment({ orderId: id }: State): State {
    return { orderId: id };
  }

  @Pivot({ after: ['reserve', 'authorize'], send: shop.Capture })
  capture({ orderId: id }: State): State {
    if (this.captures++ > 0 && this.captureFails !== undefined) throw this.captureFails;
    return { orderId: id };
  }
}

const answers: Participant = ({ name }) => {
  const contract = {
    [shop.ReserveStock.name]: shop.StockReserved,
    [shop.Authorize.name]: shop.Authorized,
    [shop.Void.name]: shop.Voided,
    [shop.Capture.name]: shop.Captured,
  }[name];
  return { contract: contract as never, data: { orderId, stockId: 's' } };
};

function worldOf(saga: object, participant = answers): SagaWorld {
  return new SagaWorld(defineSaga(saga, { stepTimeoutMs: 1_000 }), participant);
}
const begin = (world: SagaWorld) =>
  world.engine.start('stuck', { orderId }, { correlationId: 'c' });
const current = (world: SagaWorld) => world.store.find(sagaId('stuck', orderId));

describe('a pivot whose answer is not known', () => {
  it.each([new Error('a service that the step asks is away'), new StepFailed('NO')])(
    'is asked about again, though a try to ask fails: %s',
    async (error) => {
      const saga = new Stuck();
      saga.captureFails = error;
      const world = worldOf(saga);
      await begin(world);
      await reach(world, 'capture');
      await world.pass();
      expect(saga.captures).toBe(2);
      expect(await current(world)).toMatchObject({ status: 'running' });
      saga.captureFails = undefined;
      await world.drain();
      expect(await current(world)).toMatchObject({ status: 'completed' });
    },
  );

  it('becomes known though its first answer is lost for good', async () => {
    const world = worldOf(new Stuck());
    await begin(world);
    await reach(world, 'capture');
    world.deliver('payments');
    world.lose('payments');
    await world.pass();
    await world.drain();
    expect(await current(world)).toMatchObject({ status: 'completed' });
  });
});

describe('a success that comes late', () => {
  it('is undone, though the saga could not be undone whole', async () => {
    const saga = new Stuck();
    saga.releaseFails = true;
    const world = worldOf(saga);
    await begin(world);
    world.deliver('inventory');
    await world.answer('inventory');
    await world.pass();
    expect(await current(world)).toMatchObject({
      status: 'failed',
      steps: { authorize: { status: 'in-doubt' } },
    });
    await world.drain();
    const held = (await current(world))?.steps['authorize']?.held;
    expect(await current(world)).toMatchObject({
      status: 'failed',
      steps: { authorize: { status: 'compensated' } },
    });
    expect(held).toBe(false);
  });
});

describe('a step under way that a release does not know any more', () => {
  it('is put off and told about, and keeps no other saga from its turn', async () => {
    const world = worldOf(new Stuck());
    await begin(world);
    const instance = await current(world);
    if (instance === undefined) throw new Error('no saga');
    instance.steps['renamed'] = {
      status: 'running',
      held: false,
      attempts: 1,
      epoch: 0,
      wait: { for: 'reply', dueAt: world.clock.now() + 1_000 },
    };
    instance.dueAt = world.clock.now() + 1_000;
    await world.store.transaction(() => world.store.save(instance));
    await world.clock.advance(1_000);
    expect(await world.engine.runDue()).toBe(true);
    expect(await world.engine.runDue()).toBe(false);
    expect((await current(world))?.history.at(-1)).toMatchObject({
      what: 'fault, will be tried again',
      reason: expect.stringContaining("step 'renamed'") as string,
    });
  });
});

/** Answers everything until the step's command is out. */
async function reach(world: SagaWorld, step: string): Promise<void> {
  while ((await current(world))?.steps[step]?.status !== 'running') {
    const [to] = world.pending(world.commands);
    const [from] = world.pending(world.replies);
    if (from !== undefined) await world.answer(from);
    else if (to !== undefined) world.deliver(to);
    else throw new Error('nothing is on its way');
  }
}
