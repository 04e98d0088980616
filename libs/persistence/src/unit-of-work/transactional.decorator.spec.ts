import { Injectable, Module, type DynamicModule } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { TransactionUsageError } from '../persistence.errors.js';
import {
  TransactionHost,
  type StatementResult,
  type TransactionOptions,
} from './transaction-host.js';
import { Transactional } from './transactional.decorator.js';

/** An adapter of another ORM, which only tells what it was asked. */
class RecordingHost extends TransactionHost {
  readonly runs: TransactionOptions[] = [];
  active = false;

  async run<T>(fn: () => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    this.runs.push(options);
    return fn();
  }

  async query<R>(): Promise<StatementResult<R>> {
    return { rows: [], rowCount: 0 };
  }

  afterCommit(): void {}
}

class Base {
  readonly log: string[] = [];

  @Transactional()
  async place(id: string): Promise<string> {
    this.log.push(id);
    return `placed ${id}`;
  }
}

@Injectable()
class Orders extends Base {
  @Transactional({ propagation: 'requires-new' })
  async audit(): Promise<number> {
    return this.log.length;
  }
}

@Module({})
class HostModule {
  static of(host: TransactionHost): DynamicModule {
    return {
      module: HostModule,
      global: true,
      providers: [{ provide: TransactionHost, useValue: host }],
      exports: [TransactionHost],
    };
  }
}

async function app() {
  const host = new RecordingHost();
  const module = await Test.createTestingModule({
    imports: [HostModule.of(host)],
    providers: [Orders],
  }).compile();
  return { host, orders: module.get(Orders) };
}

describe('@Transactional', () => {
  it('runs the method in a transaction with arguments, this and result intact', async () => {
    const { host, orders } = await app();
    await expect(orders.place('o-1')).resolves.toBe('placed o-1');
    await expect(orders.audit()).resolves.toBe(1);
    expect(host.runs).toEqual([{}, { propagation: 'requires-new' }]);
  });

  it('uses the transactions of the app that made the instance, with several in a process', async () => {
    const [first, second] = [await app(), await app()];
    await first.orders.place('o-1');
    expect(first.host.runs).toHaveLength(1);
    expect(second.host.runs).toHaveLength(0);
  });

  it('turns a throw before the first await into a rejection', async () => {
    class Broken {
      @Transactional()
      place(): Promise<void> {
        throw new Error('at once');
      }
    }
    const module = await Test.createTestingModule({
      imports: [HostModule.of(new RecordingHost())],
      providers: [Broken],
    }).compile();
    await expect(module.get(Broken).place()).rejects.toThrow('at once');
  });

  it('says what is wrong with an instance that Nest did not make', async () => {
    await expect(new Orders().place('o-1')).rejects.toThrow(TransactionUsageError);
    await expect(new Orders().place('o-1')).rejects.toThrow(
      'list the class in the providers of a module',
    );
  });
});
