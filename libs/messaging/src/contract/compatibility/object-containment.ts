import { isSchema, schemaMap, type JsonSchema, type SchemaObject } from './json-schema.js';
import type { Containment } from './containment.js';
import { fieldPath, type Problem } from './rules.js';
import { matches } from './pattern.js';
import { greatest, least } from './scalar-limits.js';
import { every, saysTheSame, type WriterBranch } from './branch.js';
import { writerFields, type WriterFields } from './writer-branch.js';

/** Whether the reader takes the fields that a writer of objects may write. */
export function objectProblems(
  inner: Containment,
  writer: WriterBranch,
  reader: SchemaObject,
  path: string,
): Problem[] {
  const fields = writerFields(writer);
  return [
    ...requiredProblems(fields, reader, path),
    ...valueProblems(inner, fields, reader, path),
    ...countProblems(writer, fields, reader, path),
    ...nameProblems(inner, writer, fields, reader, path),
  ];
}

function requiredProblems(fields: WriterFields, reader: SchemaObject, path: string): Problem[] {
  const required = Array.isArray(reader.required) ? reader.required.map(String) : [];
  return required.flatMap((name): Problem[] => {
    if (fields.required.has(name)) return [];
    const at = fieldPath(path, name);
    return fields.properties.has(name)
      ? [{ kind: 'optional', path: at, detail: 'may be absent, which the reader does not take' }]
      : [{ kind: 'absent', path: at, detail: 'is not written, and the reader needs it' }];
  });
}

function valueProblems(
  inner: Containment,
  { properties, additional, patterns }: WriterFields,
  reader: SchemaObject,
  path: string,
): Problem[] {
  const named = schemaMap(reader.properties);
  const byPattern = schemaMap(reader.patternProperties);
  const { additionalProperties } = reader;
  // Readers are open: they drop what they do not know, whatever the schema says of it.
  const rest =
    isSchema(additionalProperties) && additionalProperties !== false ? additionalProperties : true;
  const problems: Problem[] = [];
  const compare = (writer: JsonSchema, by: JsonSchema, at: string): void => {
    problems.push(...inner.problems(writer, by, at));
  };
  for (const [name, writer] of properties) {
    const at = fieldPath(path, name);
    const own = named.get(name);
    if (own !== undefined) compare(writer, own, at);
    const matched = [...byPattern].filter(([pattern]) => matches(pattern, name));
    for (const [, schema] of matched) compare(writer, schema, at);
    if (own === undefined && matched.length === 0) compare(writer, rest, at);
  }
  // Fields without a name of the writer's may have any name that the reader knows.
  for (const [pattern, writer] of [...patterns, [undefined, additional] as const]) {
    if (writer === undefined) continue;
    for (const [name, own] of named) {
      if (properties.has(name) || (pattern !== undefined && !matches(pattern, name))) continue;
      compare(writer, own, fieldPath(path, name));
    }
    for (const schema of byPattern.values()) compare(writer, schema, `${path}.*`);
    if (pattern === undefined || !byPattern.has(pattern)) compare(writer, rest, `${path}.*`);
  }
  return problems;
}

function countProblems(
  writer: WriterBranch,
  { properties, required, additional, patterns }: WriterFields,
  { minProperties, maxProperties }: SchemaObject,
  path: string,
): Problem[] {
  const problems: Problem[] = [];
  const fewest = greatest(writer, 'minProperties', required.size);
  const closed = additional === undefined && patterns.size === 0;
  const most = least(writer, 'maxProperties', closed ? properties.size : Infinity);
  if (typeof minProperties === 'number' && fewest < minProperties) {
    problems.push({
      kind: 'fieldCount',
      path,
      detail: `may have fewer than ${minProperties} fields`,
    });
  }
  if (typeof maxProperties === 'number' && most > maxProperties) {
    problems.push({
      kind: 'fieldCount',
      path,
      detail: `may have more than ${maxProperties} fields`,
    });
  }
  return problems;
}

function nameProblems(
  inner: Containment,
  writer: WriterBranch,
  { properties, additional, patterns }: WriterFields,
  { propertyNames }: SchemaObject,
  path: string,
): Problem[] {
  if (!isSchema(propertyNames) || saysTheSame(writer, 'propertyNames', propertyNames)) return [];
  const names: JsonSchema[] = [...properties.keys()].map((name) => ({ const: name }));
  if (additional !== undefined || patterns.size > 0) {
    names.push({ type: 'string', allOf: every(writer, 'propertyNames', isSchema) });
  }
  const detail = 'may have fields with names that the reader does not take';
  return names.some((name) => inner.problems(name, propertyNames, path).length > 0)
    ? [{ kind: 'fieldNames', path, detail }]
    : [];
}
