/** What was opened under a name until it is closed. */
export class Handles<T> {
  readonly #open = new Map<string, T>();

  constructor(private readonly kind: string) {}

  add(name: string, value: T): void {
    if (this.#open.has(name)) throw new Error(`${this.kind} ${name} is open`);
    this.#open.set(name, value);
  }

  get(name: string): T {
    const value = this.#open.get(name);
    if (value === undefined) throw new Error(`no ${this.kind} ${name} is open`);
    return value;
  }

  take(name: string): T {
    const value = this.get(name);
    this.#open.delete(name);
    return value;
  }
}
