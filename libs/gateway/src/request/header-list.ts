/** Header fields in order, names in lower case, several of one name allowed. */
export class HeaderList {
  #fields: [name: string, value: string][] = [];

  /** From Node's `rawHeaders`, without the fields that `drop` names. */
  static fromRaw(raw: readonly string[], drop: (name: string) => boolean): HeaderList {
    const list = new HeaderList();
    for (let i = 0; i < raw.length; i += 2) {
      const name = raw[i]!.toLowerCase();
      if (!drop(name)) list.#fields.push([name, raw[i + 1]!]);
    }
    return list;
  }

  /** From undici's parsed headers, without the fields that `drop` names. */
  static fromParsed(
    headers: Readonly<Record<string, string | string[] | undefined>>,
    drop: (name: string) => boolean,
  ): HeaderList {
    const list = new HeaderList();
    for (const [name, value] of Object.entries(headers)) {
      if (value === undefined || drop(name)) continue;
      for (const one of Array.isArray(value) ? value : [value]) list.#fields.push([name, one]);
    }
    return list;
  }

  get(name: string): string | undefined {
    return this.#fields.find(([known]) => known === name.toLowerCase())?.[1];
  }

  add(name: string, value: string): void {
    this.#fields.push([name.toLowerCase(), value]);
  }

  set(name: string, value: string): void {
    this.remove(name);
    this.add(name, value);
  }

  remove(name: string): void {
    const lower = name.toLowerCase();
    this.#fields = this.#fields.filter(([known]) => known !== lower);
  }

  /** Names and values in turns, as undici and `writeHead` take them. */
  flat(): string[] {
    const flat: string[] = [];
    for (const [name, value] of this.#fields) flat.push(name, value);
    return flat;
  }
}
