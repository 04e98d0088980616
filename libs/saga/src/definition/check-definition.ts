import type { SagaMetadata } from './saga-metadata.js';

/** A step's place in the graph. */
interface Node {
  readonly name: string;
  readonly after: readonly string[];
}

/** Everything that is wrong with the graph of steps, one line each. */
export function checkGraph(metadata: SagaMetadata): string[] {
  const nodes = metadata.steps.map(({ method, options }) => ({
    name: method,
    after: names(options.after),
  }));
  const problems = [...checkNames(metadata, nodes), ...checkPivotCount(metadata)];
  if (problems.length > 0) return problems;
  const cycle = findCycle(nodes);
  if (cycle !== undefined) return [`steps wait for each other: ${cycle.join(' -> ')}`];
  return checkSides(metadata, nodes);
}

/** One name, several or none, as a list. */
export function names(after: string | readonly string[] | undefined): readonly string[] {
  return after === undefined ? [] : typeof after === 'string' ? [after] : after;
}

/** The steps such that each comes after those it waits for. Needs a graph without cycles. */
export function inOrder<T extends { readonly name: string; readonly after: readonly string[] }>(
  nodes: readonly T[],
): T[] {
  const sorted: T[] = [];
  const placed = new Set<string>();
  while (sorted.length < nodes.length) {
    const next = nodes.filter(
      ({ name, after }) => !placed.has(name) && after.every((other) => placed.has(other)),
    );
    if (next.length === 0) throw new Error('the graph has a cycle');
    for (const node of next) {
      placed.add(node.name);
      sorted.push(node);
    }
  }
  return sorted;
}

function checkNames(metadata: SagaMetadata, nodes: readonly Node[]): string[] {
  const known = new Set(nodes.map(({ name }) => name));
  const unknown = (where: string, step: string): string[] =>
    known.has(step)
      ? []
      : [`${where}: there is no step '${step}', expected one of ${[...known].join(', ')}`];
  const twice = (where: string, all: readonly string[]): string[] =>
    all.filter((name, at) => all.indexOf(name) !== at).map((name) => `${where} '${name}' twice`);
  return [
    ...nodes.flatMap(({ name, after }) =>
      after.flatMap((other) => unknown(`after of ${name}`, other)),
    ),
    ...metadata.replies.flatMap(({ method, step }) => unknown(`@Reply ${method}`, step)),
    ...metadata.compensations.flatMap(({ method, step }) => unknown(`@Compensate ${method}`, step)),
    ...metadata.timeouts.flatMap(({ method, step }) => unknown(`@OnTimeout ${method}`, step)),
    ...twice(
      '@Compensate of',
      metadata.compensations.map(({ step }) => step),
    ),
    ...twice(
      '@OnTimeout of',
      metadata.timeouts.map(({ step }) => step),
    ),
    ...twice(
      '@Reply of',
      metadata.replies.map(({ step, contract }) => `${step}/${contract.name}`),
    ),
    ...checkReplies(metadata),
  ];
}

function checkReplies({ replies, steps, timeouts }: SagaMetadata): string[] {
  const commandOf = (step: string) => steps.find(({ method }) => method === step)?.options.send;
  const wrongReply = replies.flatMap(({ method, step, contract }) => {
    const command = commandOf(step);
    if (command === undefined) return [`@Reply ${method}: step '${step}' sends no command`];
    return command.replies.some(({ name }) => name === contract.name)
      ? []
      : [`@Reply ${method}: ${contract.name} is no reply of ${command.name}`];
  });
  const wrongTimeout = timeouts
    .filter(({ step }) => commandOf(step) === undefined)
    .map(({ method, step }) => `@OnTimeout ${method}: step '${step}' sends no command`);
  return [...wrongReply, ...wrongTimeout];
}

function checkPivotCount({ steps }: SagaMetadata): string[] {
  if (steps.length === 0) return ['it has no @Step'];
  const pivots = steps.filter(({ pivot }) => pivot).map(({ method }) => method);
  if (pivots.length === 1) return [];
  return [
    pivots.length === 0
      ? 'it has no @Pivot: name the step after which nothing is undone any more'
      : `it has ${pivots.length} of @Pivot (${pivots.join(', ')}), expected one`,
  ];
}

function findCycle(nodes: readonly Node[]): string[] | undefined {
  const after = new Map(nodes.map((node) => [node.name, node.after]));
  const finished = new Set<string>();
  const visit = (name: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (finished.has(name)) return undefined;
    for (const other of after.get(name) ?? []) {
      const found = visit(other, [...path, name]);
      if (found !== undefined) return found;
    }
    finished.add(name);
    return undefined;
  };
  for (const { name } of nodes) {
    const found = visit(name, []);
    if (found !== undefined) return found;
  }
  return undefined;
}

function checkSides(metadata: SagaMetadata, nodes: readonly Node[]): string[] {
  const pivot = metadata.steps.find((step) => step.pivot)?.method ?? '';
  const before = ancestors(nodes, pivot);
  const compensated = new Set(metadata.compensations.map(({ step }) => step));
  return metadata.steps.flatMap(({ method, options }) => {
    if (method === pivot) return [];
    if (before.has(method)) {
      return compensated.has(method) || options.readOnly === true
        ? []
        : [`step '${method}' comes before the pivot: give it a @Compensate, or mark it readOnly`];
    }
    if (!ancestors(nodes, method).has(pivot)) {
      return [`step '${method}' runs beside the pivot '${pivot}': put it before or after`];
    }
    return [
      ...(options.retriable === true
        ? []
        : [`step '${method}' comes after the pivot: mark it retriable`]),
      ...(compensated.has(method)
        ? [
            `step '${method}' comes after the pivot and is never compensated: remove its @Compensate`,
          ]
        : []),
    ];
  });
}

function ancestors(nodes: readonly Node[], name: string): Set<string> {
  const found = new Set<string>();
  const visit = (current: string): void => {
    for (const other of nodes.find((node) => node.name === current)?.after ?? []) {
      if (found.has(other)) continue;
      found.add(other);
      visit(other);
    }
  };
  visit(name);
  return found;
}
