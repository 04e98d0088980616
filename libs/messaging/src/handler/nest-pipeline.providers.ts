import {
  DiscoveryService,
  ExternalContextCreator,
  MetadataScanner,
  type ParamsFactory,
} from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host';
import { PARAM_ARGS_METADATA } from '@nestjs/microservices/constants';
import { RpcParamtype } from '@nestjs/microservices/enums/rpc-paramtype.enum';
import { InvalidOptionError, wrapMethod, type Method } from '@rookery/core';
import { EmptyError, isObservable, lastValueFrom } from 'rxjs';
import { SKIPPED } from '../consumer/skipped.js';

/** Calls a handler with its payload and its context; what it throws arrives unchanged. */
export type Invoke = (data: unknown, context: unknown) => Promise<unknown>;
/** What Nest knows of a provider or a controller. */
export type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** As for Nest's own microservices, so that guards and filters for HTTP leave messages alone. */
const CONTEXT_TYPE = 'rpc' as never;

/** `@Payload()` and `@Ctx()` of `@nestjs/microservices`, with their pipes. */
const PARAMETERS: ParamsFactory = {
  exchangeKeyForValue(type, field, [data, context]: unknown[]) {
    if (type === RpcParamtype.CONTEXT) return context;
    if (type !== RpcParamtype.PAYLOAD) return undefined;
    return typeof field === 'string' ? (data as Record<string, unknown> | null)?.[field] : data;
  },
};

/**
 * Calls methods through Nest, as context type `rpc`: guards, interceptors, pipes and filters of the
 * method, the class and the app apply. An interceptor that ends the stream gives {@link SKIPPED}.
 */
export class NestPipeline {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly contexts: ExternalContextCreator,
  ) {}

  /** All methods of providers and controllers, those of an instance once. */
  *methods(): Generator<{ wrapper: Wrapper; instance: object; name: string }> {
    const scanner = new MetadataScanner();
    const seen = new Set<object>();
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      const prototype = (wrapper.metatype as { prototype?: object } | null)?.prototype;
      const instance = wrapper.instance as object | null;
      if (prototype === undefined || instance === null || typeof instance !== 'object') continue;
      if (seen.has(instance)) continue;
      seen.add(instance);
      const owner = Object.getPrototypeOf(instance) as object | null;
      if (owner === null) continue;
      for (const name of scanner.getAllMethodNames(owner)) yield { wrapper, instance, name };
    }
  }

  /**
   * Calls a method with a payload and a context through Nest.
   *
   * @throws InvalidOptionError when its class is not a singleton
   */
  invocation(wrapper: Wrapper, instance: object, name: string): Invoke {
    if (!wrapper.isDependencyTreeStatic()) {
      throw new InvalidOptionError(`handler ${instance.constructor.name}.${name}`, [
        'its class, or what it injects, is not a singleton: message handlers must be',
      ]);
    }
    const method = (instance as Record<string, Method>)[name] as Method;
    const callback = ownEmptyError(method) as never;
    const host = instance as Record<string, unknown>;
    const module = wrapper.host?.token ?? '';
    const contexts = withinModule(this.contexts, module);
    const call = contexts.create(
      host,
      callback,
      name,
      PARAM_ARGS_METADATA,
      hasParameters(instance, name) ? PARAMETERS : undefined,
      undefined,
      undefined,
      { guards: true, interceptors: true, filters: false },
      CONTEXT_TYPE,
    );
    // Nest's own way to apply filters writes a line per error, however often it is tried again and
    // for messages that were skipped; ours is written by whoever decides what to do about it.
    const filters = contexts['filtersContextCreator'].create(host, callback, module);
    return async (data, context) => {
      try {
        return await call(data, context);
      } catch (error) {
        if (error instanceof EmptyError) return SKIPPED;
        const arguments_ = new ExecutionContextHost([data, context]);
        arguments_.setType(CONTEXT_TYPE);
        const handled: unknown = await filters.invokeCustomFilters(error, arguments_);
        if (handled === undefined) throw error;
        return isObservable(handled) ? lastValueFrom(handled) : handled;
      }
    };
  }
}

/**
 * Nest looks for the module of a class among providers only. For a controller it finds none, and
 * without a module it drops the guards that `@UseGuards` names.
 */
function withinModule(contexts: ExternalContextCreator, module: string): ExternalContextCreator {
  return Object.assign(Object.create(contexts) as ExternalContextCreator, {
    getHostModuleKey: () => module,
    getContextModuleKey: () => module,
  });
}

function hasParameters(instance: object, name: string): boolean {
  return Reflect.hasMetadata(PARAM_ARGS_METADATA, instance.constructor, name);
}

/**
 * Nest reports an interceptor that ends the stream, to skip a message, by rxjs's EmptyError. One
 * that the handler itself throws must not be taken for it.
 */
function ownEmptyError(method: Method): Method {
  const descriptor: PropertyDescriptor = { value: method };
  wrapMethod(
    descriptor,
    (original) =>
      async function (this: unknown, ...args: unknown[]) {
        try {
          return await original.apply(this, args);
        } catch (error) {
          if (!(error instanceof EmptyError)) throw error;
          throw new Error('the handler waited for a value of an observable that had none', {
            cause: error,
          });
        }
      },
  );
  return descriptor.value as Method;
}
