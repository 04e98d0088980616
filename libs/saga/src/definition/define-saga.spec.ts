import type { DataOf } from '@rookery/messaging';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { compensate, proceed, type Why } from '../engine/decision.js';
import { SagaDefinitionError } from '../saga.errors.js';
import * as shop from '../testing/place-order.fixture.js';
import { defineSaga } from './define-saga.js';
import { repliesOf } from './saga-definition.js';
import {
  Compensate,
  Migrate,
  OnTimeout,
  Pivot,
  Reply,
  Saga,
  Start,
  Step,
} from './saga.decorator.js';

const State = z.object({ orderId: z.string() });
type State = z.infer<typeof State>;
const defaults = { stepTimeoutMs: 30_000 };

/** What is wrong with a saga, line by line. */
function problemsOf(type: new () => object): readonly string[] {
  try {
    defineSaga(new type(), defaults);
  } catch (error) {
    if (error instanceof SagaDefinitionError) return error.problems;
    throw error;
  }
  return [];
}

describe('a saga that is declared well', () => {
  it('becomes a graph in an order that can be followed', () => {
    const definition = defineSaga(new shop.PlaceOrder(), defaults);
    expect(definition.steps.map(({ name, after }) => [name, after])).toEqual([
      ['accept', []],
      ['reserve', ['accept']],
      ['authorize', ['accept']],
      ['capture', ['reserve', 'authorize']],
      ['ship', ['capture']],
    ]);
    expect(definition.deadlineMs).toBe(600_000);
    const [, reserve, authorize, capture, ship] = definition.steps;
    expect(reserve).toMatchObject({ timeoutMs: 30_000, attempts: 1, pivot: false });
    expect(authorize).toMatchObject({ timeoutMs: 20_000, attempts: 2 });
    expect(capture).toMatchObject({ pivot: true, send: shop.Capture });
    expect(ship).toMatchObject({ retriable: true, attempts: Infinity });
    expect(repliesOf(definition)).toHaveLength(10);
  });

  it('inherits the steps of its base class without changing it', () => {
    @Saga({ name: 'longer', state: State, key: 'orderId' })
    class Longer extends shop.PlaceOrder {
      @Step({ after: 'ship', retriable: true })
      async thank(): Promise<void> {}
    }
    const names = (type: new () => object) =>
      defineSaga(new type(), defaults).steps.map(({ name }) => name);
    expect(names(Longer)).toEqual([...names(shop.PlaceOrder), 'thank']);
  });

  it('is checked by the compiler as well', () => {
    class Typed {
      // @ts-expect-error the command wants an orderId
      @Step({ send: shop.ReserveStock })
      reserve(): { id: string } {
        return { id: '' };
      }

      // @ts-expect-error the reply has a stockId of type string
      @Reply('reserve', shop.StockReserved)
      reserved(state: State, _reply: { stockId: number }): State {
        return state;
      }

      // @ts-expect-error the event has no total
      @Start(shop.OrderPlaced)
      begin(_event: { total: number }): State {
        return { orderId: '' };
      }

      @Reply('reserve', shop.StockRefused)
      refused(_state: State, { reason }: DataOf<typeof shop.StockRefused>) {
        return reason === 'LATER' ? proceed() : compensate(reason);
      }

      @Compensate('reserve')
      async release(_state: State, _why: Why): Promise<void> {}
    }
    expect(Typed).toBeDefined();
  });
});

describe('a saga that cannot work', () => {
  it('is told when the class has no @Saga or no @Start, no step or no pivot', () => {
    class Plain {}
    expect(problemsOf(Plain)).toEqual(['the class has no @Saga']);

    @Saga({ name: 'empty', state: State, key: 'orderId' })
    class Empty {}
    expect(problemsOf(Empty)).toEqual(['it has 0 of @Start, expected one', 'it has no @Step']);

    @Saga({ name: 'no-pivot', state: State, key: 'orderId' })
    class NoPivot {
      @Start(shop.OrderPlaced)
      begin(event: State): State {
        return event;
      }
      @Step({ readOnly: true })
      async look(): Promise<void> {}
    }
    expect(problemsOf(NoPivot)).toEqual([
      'it has no @Pivot: name the step after which nothing is undone any more',
    ]);
  });

  it('is told of names that do not exist, replies that do not belong, and doubles', () => {
    @Saga({ name: 'wrong-names', state: State, key: 'orderId' })
    class WrongNames {
      @Start(shop.OrderPlaced)
      begin(event: State): State {
        return event;
      }
      @Step({ after: 'reserv', readOnly: true })
      async look(): Promise<void> {}
      @Pivot()
      async decide(): Promise<void> {}
      @Compensate('loook')
      async undo(): Promise<void> {}
      @Reply('look', shop.Captured)
      looked(): void {}
      @OnTimeout('look')
      late(): void {}
    }
    expect(problemsOf(WrongNames)).toEqual([
      "after of look: there is no step 'reserv', expected one of look, decide",
      "@Compensate undo: there is no step 'loook', expected one of look, decide",
      "@Reply looked: step 'look' sends no command",
      "@OnTimeout late: step 'look' sends no command",
    ]);
  });

  it('is told of steps that wait for each other', () => {
    @Saga({ name: 'cycle', state: State, key: 'orderId' })
    class Cycle {
      @Start(shop.OrderPlaced)
      begin(event: State): State {
        return event;
      }
      @Step({ after: 'second', readOnly: true })
      async first(): Promise<void> {}
      @Step({ after: 'first', readOnly: true })
      async second(): Promise<void> {}
      @Pivot({ after: 'second' })
      async decide(): Promise<void> {}
    }
    expect(problemsOf(Cycle)).toEqual(['steps wait for each other: first -> second -> first']);
  });

  it('is told of steps on the wrong side of the pivot', () => {
    @Saga({ name: 'sides', state: State, key: 'orderId' })
    class Sides {
      @Start(shop.OrderPlaced)
      begin(event: State): State {
        return event;
      }
      @Step()
      async before(): Promise<void> {}
      @Pivot({ after: 'before' })
      async decide(): Promise<void> {}
      @Step({ retriable: true })
      async beside(): Promise<void> {}
      @Step({ after: 'decide' })
      async behind(): Promise<void> {}
      @Compensate('behind')
      async undo(): Promise<void> {}
    }
    expect(problemsOf(Sides)).toEqual([
      "step 'before' comes before the pivot: give it a @Compensate, or mark it readOnly",
      "step 'beside' runs beside the pivot 'decide': put it before or after",
      "step 'behind' comes after the pivot: mark it retriable",
      "step 'behind' comes after the pivot and is never compensated: remove its @Compensate",
    ]);
  });

  it('is told of versions that nothing leads to, and of wrong options', () => {
    @Saga({ name: 'versions', version: 3, state: State, key: 'orderId' })
    class Versions extends shop.PlaceOrder {
      @Migrate({ from: 1 })
      one(state: State): State {
        return state;
      }
      @Migrate({ from: 7 })
      seven(state: State): State {
        return state;
      }
    }
    expect(problemsOf(Versions)).toEqual([
      'version 3 needs @Migrate({ from: 2 })',
      '@Migrate seven: there is no version after 7',
    ]);

    @Saga({ name: 'Wrong Name', state: State, key: 'orderId', lock: true } as never)
    class WrongOptions extends shop.PlaceOrder {}
    expect(problemsOf(WrongOptions).join('\n')).toMatch(/name: "Wrong Name" is not allowed/);
    expect(problemsOf(WrongOptions).join('\n')).toMatch(/lock: unknown option/);

    @Saga({ name: 'step-options', state: State, key: 'orderId' })
    class StepOptions extends shop.PlaceOrder {
      @Step({ after: 'ship', retriable: true, timeout: 'soon', send: shop.CreateShipment })
      again(state: State): State {
        return state;
      }
    }
    expect(problemsOf(StepOptions)[0]).toMatch(/@Step again: timeout: "soon" is not allowed/);
  });
});
