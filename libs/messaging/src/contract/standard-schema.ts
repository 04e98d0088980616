type JsonSchemaTarget = 'draft-2020-12' | 'draft-07';

/**
 * The part of Standard Schema V1 (https://standardschema.dev) that contracts rely on, plus its JSON
 * Schema extension where a library has it. zod 4, valibot and arktype schemas all fit.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    readonly jsonSchema?: {
      /** What {@link StandardSchema} gives, as JSON Schema. */
      readonly output: (options: { readonly target: JsonSchemaTarget }) => Record<string, unknown>;
      /** What it takes. */
      readonly input?: (options: { readonly target: JsonSchemaTarget }) => Record<string, unknown>;
    };
  };
}

/** What validating gives: the value, or why there is none. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One thing that is wrong with a value. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema accepts. */
export type InputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['input'];
/** What a schema produces. */
export type OutputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output'];

/** One line per issue: `total: expected number`. */
export function describeIssues(issues: readonly SchemaIssue[]): string[] {
  return issues.map(({ message, path }) => {
    const at = (path ?? [])
      .map((part) => String(typeof part === 'object' ? part.key : part))
      .join('.');
    return at === '' ? message : `${at}: ${message}`;
  });
}
