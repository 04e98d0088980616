import { beforeEach, describe, expect, it } from 'vitest';
import { defineSaga } from '../definition/define-saga.js';
import { ignoredReply, sagaTransition, stepTransition } from '../saga.channels.js';
import { SagaStateError } from '../saga.errors.js';
import * as shop from '../testing/place-order.fixture.js';
import { SagaWorld, type Answer } from '../testing/saga-world.js';
import { sagaId } from './command-id.js';
import { StepFailed } from './decision.js';
import type { SagaInstance } from './saga-instance.js';

const id = sagaId('place-order', 'o-1');
const orderId = 'o-1';
let saga: shop.PlaceOrder;
let world: SagaWorld;
let asked: string[];
let refuse: Map<string, Answer>;

const answers: Record<string, Answer> = {
  [shop.ReserveStock.name]: { contract: shop.StockReserved, data: { orderId, stockId: 's-1' } },
  [shop.ReleaseStock.name]: { contract: shop.StockReleased, data: { orderId } },
  [shop.Authorize.name]: { contract: shop.Authorized, data: { orderId } },
  [shop.Void.name]: { contract: shop.Voided, data: { orderId } },
  [shop.Capture.name]: { contract: shop.Captured, data: { orderId } },
  [shop.CreateShipment.name]: { contract: shop.Shipped, data: { orderId } },
};

beforeEach(() => {
  saga = new shop.PlaceOrder();
  asked = [];
  refuse = new Map();
  world = new SagaWorld(defineSaga(saga, { stepTimeoutMs: 30_000 }), ({ name }) => {
    asked.push(name.split('.')[1] ?? '');
    return refuse.get(name) ?? (answers[name] as Answer);
  });
});

const start = () =>
  world.engine.start('place-order', { orderId }, { correlationId: 'correlation-1' });

const current = async (): Promise<SagaInstance> => {
  const found = await world.store.find(id);
  if (found === undefined) throw new Error('no saga');
  return found;
};

const statuses = async (): Promise<Record<string, string>> =>
  Object.fromEntries(
    Object.entries((await current()).steps).map(([step, { status }]) => [step, status]),
  );

const timeline = async (): Promise<string[]> =>
  (await current()).history.map(({ step, what }) =>
    step === undefined ? what : `${step} ${what}`,
  );

describe('a saga that succeeds', () => {
  it('does its steps in the order of the graph, side by side where nothing forbids it', async () => {
    expect(await start()).toBe(id);
    expect(saga.done).toEqual(['accepted']);
    expect(world.pending(world.commands)).toEqual(['inventory', 'payments']);
    world.deliver('inventory');
    await world.answer('inventory');
    expect((await current()).state).toEqual({ orderId, stockId: 's-1' });
    expect(asked).not.toContain('capture');
    await world.drain();
    expect(asked).toEqual(['reserve-stock', 'authorize', 'capture', 'create-shipment']);
    expect(await current()).toMatchObject({ status: 'completed', correlationId: 'correlation-1' });
    expect((await current()).dueAt).toBeUndefined();
    expect(await timeline()).toEqual([
      'started',
      'accept done',
      'reserve sent',
      'authorize sent',
      'reserve done',
      'authorize done',
      'capture sent',
      'capture done',
      'ship sent',
      'ship done',
      'completed',
    ]);
  });

  it('begins once for a business object', async () => {
    await start();
    expect(await start()).toBeUndefined();
    expect(world.commands.get('inventory')).toHaveLength(1);
  });

  it('refuses a first state that does not fit', async () => {
    const begin = world.engine.start('place-order', { orderId: 7 }, { correlationId: 'c' });
    await expect(begin).rejects.toThrow(SagaStateError);
    await expect(begin).rejects.toThrow(/first state does not fit, orderId/);
    const empty = world.engine.start('place-order', { orderId: '' }, { correlationId: 'c' });
    await expect(empty).rejects.toThrow(/orderId is no text to go by/);
  });
});

describe('a saga that is refused', () => {
  it('waits for what is under way and undoes it in reverse, with the reason', async () => {
    refuse.set(shop.ReserveStock.name, {
      contract: shop.StockRefused,
      data: { orderId, reason: 'OUT_OF_STOCK' },
    });
    await start();
    world.deliver('inventory');
    await world.answer('inventory');
    expect(await current()).toMatchObject({ status: 'compensating' });
    expect(saga.done).toEqual(['accepted']);
    await world.drain();
    expect(asked).toEqual(['reserve-stock', 'authorize', 'void']);
    expect(saga.done).toEqual(['accepted', 'rejected OUT_OF_STOCK']);
    expect(await current()).toMatchObject({
      status: 'compensated',
      why: { code: 'OUT_OF_STOCK', step: 'reserve' },
    });
    expect(await statuses()).toEqual({
      accept: 'compensated',
      reserve: 'failed',
      authorize: 'compensated',
      capture: 'skipped',
      ship: 'skipped',
    });
  });

  it('undoes everything when the pivot is refused, and names the refusal when it has no code', async () => {
    refuse.set(shop.Capture.name, {
      contract: shop.CaptureRefused,
      data: { orderId, reason: 'the hold has expired' },
    });
    await start();
    await world.drain();
    expect(asked.slice(-2).sort()).toEqual(['release-stock', 'void']);
    expect(await current()).toMatchObject({
      status: 'compensated',
      why: { code: 'CAPTURE_REFUSED', message: 'the hold has expired', step: 'capture' },
    });
  });

  it('goes forward only after the pivot: a refusal is asked again as a new command', async () => {
    refuse.set(shop.CreateShipment.name, {
      contract: shop.ShippingRefused,
      data: { orderId, reason: 'NO_CARRIER' },
    });
    await start();
    await world.drain();
    expect(await current()).toMatchObject({ status: 'running' });
    expect((await current()).steps['ship']).toMatchObject({ status: 'running', epoch: 1 });
    refuse.clear();
    await world.pass();
    await world.drain();
    expect(asked.filter((name) => name === 'create-shipment')).toHaveLength(2);
    expect(await current()).toMatchObject({ status: 'completed' });
  });
});

describe('a reply that stays away', () => {
  it('sends the same command again as often as the step allows, then turns round', async () => {
    await start();
    world.deliver('inventory');
    await world.answer('inventory');
    const [first] = world.commands.get('payments') ?? [];
    await world.pass();
    const sent = world.commands.get('payments') ?? [];
    expect(sent.map((command) => command.id)).toEqual([first?.id, first?.id]);
    expect(await current()).toMatchObject({ status: 'running' });
    await world.pass();
    // Nobody waits for payments, which may be down for days.
    expect(await current()).toMatchObject({
      status: 'compensating',
      why: { code: 'AUTHORIZE_TIMEOUT', step: 'authorize' },
    });
    world.deliver('inventory');
    await world.answer('inventory');
    expect(await current()).toMatchObject({ status: 'compensated' });
    expect(saga.done).toEqual(['accepted', 'rejected AUTHORIZE_TIMEOUT']);
    expect(await statuses()).toMatchObject({ authorize: 'in-doubt' });

    // Payments comes back, does what was asked, and what was asked next: undoing it.
    world.deliver('payments');
    await world.answer('payments');
    expect(await current()).toMatchObject({ status: 'compensating' });
    await world.drain();
    expect(asked).toEqual(['reserve-stock', 'release-stock', 'authorize', 'void', 'void']);
    expect(await current()).toMatchObject({ status: 'compensated' });
    expect(await statuses()).toMatchObject({ authorize: 'compensated' });
  });

  it('undoes again what was done after its undoing was answered', async () => {
    await start();
    world.deliver('inventory');
    await world.answer('inventory');
    while ((await current()).status !== 'compensating') await world.pass();
    const [authorize, , undoing] = world.commands.get('payments') ?? [];
    world.commands.set('payments', [undoing!]);
    await world.drain();
    expect([...asked].sort()).toEqual(['release-stock', 'reserve-stock', 'void']);
    expect(await statuses()).toMatchObject({ authorize: 'compensated' });
    world.commands.set('payments', [authorize!]);
    world.deliver('payments');
    await world.answer('payments');
    expect(await statuses()).toMatchObject({ authorize: 'compensating' });
    await world.drain();
    expect(asked.filter((name) => name === 'void')).toHaveLength(2);
    expect(await current()).toMatchObject({ status: 'compensated' });
  });

  it('takes no answer for an undoing that went out before the doing was known', async () => {
    await start();
    world.deliver('inventory');
    await world.answer('inventory');
    while ((await current()).status !== 'compensating') await world.pass();
    const [authorize, , undoing] = world.commands.get('payments') ?? [];
    world.commands.set('payments', [undoing!, authorize!]);
    world.deliver('payments');
    world.deliver('payments');
    await world.answer('payments', false, 1);
    expect(await statuses()).toMatchObject({ authorize: 'compensating' });
    await world.answer('payments');
    expect(await statuses()).toMatchObject({ authorize: 'compensating' });
    await world.drain();
    expect(await statuses()).toMatchObject({ authorize: 'compensated' });
    expect(asked.filter((name) => name === 'void')).toHaveLength(2);
  });

  it('asks the saga what to do', async () => {
    await start();
    world.deliver('payments');
    await world.answer('payments');
    await world.pass();
    expect(await current()).toMatchObject({ why: { code: 'STOCK_TIMEOUT', step: 'reserve' } });
  });

  it('waits for a pivot that cannot be undone as long as it takes, beyond the deadline', async () => {
    await start();
    for (const owner of ['inventory', 'payments']) {
      world.deliver(owner);
      await world.answer(owner);
    }
    for (let n = 0; n < 12; n++) await world.pass();
    expect(world.clock.monotonic()).toBeGreaterThan(600_000);
    expect(await current()).toMatchObject({ status: 'running' });
    const captures = world.commands.get('payments') ?? [];
    expect(new Set(captures.map((command) => command.id)).size).toBe(1);
    await world.drain();
    expect(asked.filter((name) => name === 'capture')).toHaveLength(1);
    expect(await current()).toMatchObject({ status: 'completed' });
  });

  it('repeats an undoing until it is answered', async () => {
    refuse.set(shop.Authorize.name, {
      contract: shop.PaymentRefused,
      data: { orderId, reason: 'CARD_REFUSED' },
    });
    await start();
    world.deliver('inventory');
    await world.answer('inventory');
    world.deliver('payments');
    await world.answer('payments');
    world.deliver('inventory');
    world.lose('inventory');
    await world.pass();
    world.deliver('inventory');
    await world.answer('inventory');
    expect(asked).toEqual(['reserve-stock', 'authorize', 'release-stock', 'release-stock']);
    expect(await current()).toMatchObject({ status: 'compensated', why: { code: 'CARD_REFUSED' } });
  });

  it('turns round at the deadline of the whole saga', async () => {
    const definition = { ...defineSaga(saga, { stepTimeoutMs: 30_000 }), deadlineMs: 5_000 };
    world = new SagaWorld(definition, ({ name }) => answers[name] as Answer);
    await start();
    await world.pass();
    expect(world.clock.monotonic()).toBe(5_000);
    expect(await current()).toMatchObject({
      status: 'compensating',
      why: { code: 'DEADLINE_EXCEEDED' },
    });
  });
});

describe('a reply that nobody waits for', () => {
  it('changes nothing when it comes again, and is told', async () => {
    const ignored: string[] = [];
    const stop = ignoredReply.subscribe(({ reason }) => ignored.push(reason));
    await start();
    world.deliver('inventory');
    await world.answer('inventory', true);
    const before = await current();
    await world.answer('inventory');
    expect(await current()).toMatchObject({ steps: before.steps, state: before.state });
    await world.engine.reply({
      sagaId: id,
      inReplyTo: 'made up',
      contract: shop.Captured,
      data: { orderId },
    });
    await world.engine.reply({
      sagaId: 'made up',
      inReplyTo: 'made up',
      contract: shop.Captured,
      data: { orderId },
    });
    stop();
    expect(ignored).toEqual(['repeated', 'unknown-command', 'unknown-saga']);
  });
});

describe('a local step that throws', () => {
  it('fails the saga at once when it says so', async () => {
    saga.accept = async () => {
      throw new StepFailed('NOT_OPEN', 'the shop is closed');
    };
    await start();
    expect(await current()).toMatchObject({
      status: 'compensated',
      why: { code: 'NOT_OPEN', message: 'the shop is closed', step: 'accept' },
    });
    expect(asked).toEqual([]);
  });

  it('is undone until that succeeds, and tells a fault that cannot be mended', async () => {
    refuse.set(shop.Authorize.name, {
      contract: shop.PaymentRefused,
      data: { orderId, reason: 'CARD_REFUSED' },
    });
    let fails = 2;
    saga.reject = async () => {
      if (fails-- > 0) throw new Error('table is gone');
    };
    await start();
    await world.drain();
    expect(await current()).toMatchObject({ status: 'compensating' });
    while ((await current()).status === 'compensating') await world.pass();
    expect(await current()).toMatchObject({ status: 'compensated' });
    expect((await current()).steps['accept']?.compensation).toMatchObject({ attempts: 3 });
  });

  it('ends as failed when it cannot be undone', async () => {
    refuse.set(shop.Authorize.name, {
      contract: shop.PaymentRefused,
      data: { orderId, reason: 'CARD_REFUSED' },
    });
    saga.reject = async () => {
      throw new StepFailed('GONE', 'the order is gone');
    };
    await start();
    await world.drain();
    expect(await current()).toMatchObject({ status: 'failed' });
    expect((await current()).dueAt).toBeUndefined();
  });
});

describe('work that throws when a timer fires', () => {
  it('puts the saga off, so that others get their turn, and says why', async () => {
    saga.tooLate = () => {
      throw new Error('bug in the handler');
    };
    await start();
    world.deliver('payments');
    await world.answer('payments');
    await world.pass();
    expect((await timeline()).at(-1)).toBe('fault, will be tried again');
    expect((await current()).history.at(-1)?.reason).toBe('bug in the handler');
    expect((await current()).dueAt).toBe(world.clock.now() + 1_000);
    saga.tooLate = shop.PlaceOrder.prototype.tooLate;
    await world.pass();
    expect(await current()).toMatchObject({ why: { code: 'STOCK_TIMEOUT' } });
  });
});

it('tells the channels how sagas and steps end', async () => {
  const sagas: string[] = [];
  const steps: string[] = [];
  const stops = [
    sagaTransition.subscribe(({ status }) => sagas.push(status)),
    stepTransition.subscribe(({ step, status }) => steps.push(`${step} ${status}`)),
  ];
  await start();
  await world.drain();
  for (const stop of stops) stop();
  expect(sagas).toEqual(['running', 'completed']);
  expect(steps).toEqual([
    'accept done',
    'reserve done',
    'authorize done',
    'capture done',
    'ship done',
  ]);
});
