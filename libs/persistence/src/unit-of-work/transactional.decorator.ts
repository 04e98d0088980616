import { Inject } from '@nestjs/common';
import { wrapMethod } from '@rookery/core';
import { TransactionUsageError } from '../persistence.errors.js';
import { TransactionHost, type TransactionOptions } from './transaction-host.js';

/** Where an instance keeps its transaction host: its app's, as several apps may share a process. */
const HOST = Symbol('rookery.persistence.transactionHost');

/** A method that `@Transactional` can take. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- any asynchronous method will do
type AsyncMethod = (...args: any[]) => Promise<any>;

/**
 * Runs the method in a transaction: commits when it resolves, rolls back when it rejects. The class
 * must be created by Nest, which hands each instance the transaction host of its app.
 *
 * @throws TransactionUsageError when the instance was made with `new`
 */
export function Transactional(options: TransactionOptions = {}) {
  return <T extends AsyncMethod>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<T>,
  ): void => {
    Inject(TransactionHost)(target, HOST);
    wrapMethod(
      descriptor,
      (original) =>
        async function (this: unknown, ...args: unknown[]) {
          const host = (this as { [HOST]?: TransactionHost })[HOST];
          if (host === undefined) {
            throw new TransactionUsageError(
              `@Transactional ${target.constructor.name}.${String(name)}: this instance was not created ` +
                'by Nest; list the class in the providers of a module and import PersistenceModule',
            );
          }
          return host.run(async () => original.apply(this, args), options);
        },
    );
  };
}
