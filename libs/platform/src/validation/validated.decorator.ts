import {
  Body,
  createParamDecorator,
  Param,
  Query,
  type ExecutionContext,
  type PipeTransform,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { InvalidRequestError } from './invalid-request.error.js';

class SchemaPipe implements PipeTransform {
  constructor(
    private readonly schema: z.ZodType,
    private readonly place: string,
  ) {}

  transform(value: unknown): unknown {
    const result = this.schema.safeParse(value);
    if (result.success) return result.data;
    throw new InvalidRequestError(
      result.error.issues.flatMap((issue) => {
        const at = [this.place, ...issue.path.map(String)].filter((part) => part !== '').join('.');
        if (issue.code !== 'unrecognized_keys') return [{ field: at, message: issue.message }];
        return issue.keys.map((key) => ({
          field: at === '' ? key : `${at}.${key}`,
          message: 'unknown field',
        }));
      }),
    );
  }
}

/** The request's body, validated. Wrong fields end in {@link InvalidRequestError} (400). */
export function ValidatedBody(schema: z.ZodType): ParameterDecorator {
  return Body(new SchemaPipe(schema, ''));
}

/** A path parameter, validated. */
export function ValidatedParam(name: string, schema: z.ZodType): ParameterDecorator {
  return Param(name, new SchemaPipe(schema, name));
}

/** The query parameters, validated; all of them are strings when they arrive. */
export function ValidatedQuery(schema: z.ZodType): ParameterDecorator {
  return Query(new SchemaPipe(schema, ''));
}

const Header = createParamDecorator(
  (name: string, context: ExecutionContext) =>
    context.switchToHttp().getRequest<FastifyRequest>().headers[name],
);

/** A request header, validated; `name` in lower case. */
export function ValidatedHeader(name: string, schema: z.ZodType): ParameterDecorator {
  return Header(name, new SchemaPipe(schema, name));
}
