import { Inject } from '@nestjs/common';
import { wrapMethod } from '@rookery/core';
import type { z } from 'zod';
import { operationFor } from './client-metadata.js';
import { runOperation, TRANSPORT } from './exchange.js';

function operation(method: string) {
  return (template: string): MethodDecorator =>
    (prototype, key, descriptor) => {
      const declaration = operationFor(prototype, key);
      declaration.method = method;
      declaration.template = template;
      Inject(TRANSPORT)(prototype, TRANSPORT);
      // Whatever stands on the method, and in whatever order: the call's arguments are remembered
      // around it, and its body sends them with exchange().
      wrapMethod(
        descriptor,
        (original) =>
          function (...args) {
            return runOperation(this as object, declaration, args, () =>
              Reflect.apply(original, this, args),
            );
          },
      );
    };
}

/** Sends GET; `:name` in the path is filled by the argument with `@Path('name')`. */
export const Get = operation('GET');
/** Sends POST. */
export const Post = operation('POST');
/** Sends PUT. */
export const Put = operation('PUT');
/** Sends PATCH. */
export const Patch = operation('PATCH');
/** Sends DELETE. */
export const Delete = operation('DELETE');

/** What the answer must look like; anything else is an `UnexpectedResponseError`. */
export function Returns(schema: z.ZodType): MethodDecorator {
  return (prototype, key) => {
    operationFor(prototype, key).returns = schema;
  };
}

function argument(kind: 'path' | 'query' | 'header') {
  return (name: string): ParameterDecorator =>
    (prototype, key, index) => {
      operationFor(prototype, key as string).arguments.push({ kind, name, index });
    };
}

/** Fills `:name` of the path, encoded so that it stays one segment. */
export const Path = argument('path');
/** A query parameter; `undefined` leaves it out, an array repeats it. */
export const Query = argument('query');
/** A request header; `undefined` leaves it out. */
export const Header = argument('header');

/** The body, sent as JSON. */
export function Body(): ParameterDecorator {
  return (prototype, key, index) => {
    operationFor(prototype, key as string).arguments.push({ kind: 'body', index });
  };
}
