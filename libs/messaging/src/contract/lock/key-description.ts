/**
 * The fields a contract's key is made of, as `orderId` or `shop.id, orderId`: seen by letting the
 * function read from a value. `computed` when it reads none.
 *
 * @param make a value of the newest version
 */
export function keyDescription(key: (data: never) => unknown, make: () => unknown): string {
  const read = new Set<string>();
  try {
    key(watched(make(), '', read) as never);
  } catch {
    // No value could be made, or the function needs one that is in better order.
  }
  const paths = [...read].filter(
    (path) => ![...read].some((other) => other.startsWith(`${path}.`)),
  );
  return paths.length === 0 ? 'computed' : paths.sort().join(', ');
}

function watched(value: unknown, path: string, read: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, name, receiver) {
      const inner: unknown = Reflect.get(target, name, receiver);
      if (typeof name === 'symbol' || !Object.hasOwn(target, name)) return inner;
      const at = path === '' ? name : `${path}.${name}`;
      read.add(at);
      return watched(inner, at, read);
    },
  });
}
