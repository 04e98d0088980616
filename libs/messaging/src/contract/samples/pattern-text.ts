import type { Random } from '@rookery/core';

/** Items of `*`, `+` and `{n,}` beyond the least. */
const MORE = 3;
const PRINTABLE = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index));
const DIGITS = Array.from('0123456789');
const LETTERS = Array.from('abcdefghijklmnopqrstuvwxyz');
const WORD = [...DIGITS, ...LETTERS, ...LETTERS.map((each) => each.toUpperCase()), '_'];

/** The pattern uses what is not supported: look-around, back references, Unicode properties. */
class NotSupported extends Error {}

type Make = (random: Random) => string;

/**
 * A text that matches a pattern of JSON Schema (a regular expression of ECMAScript); `undefined` when
 * the pattern is of a kind that is not understood. The result is checked against the pattern.
 */
export function textForPattern(pattern: string, random: Random): string | undefined {
  try {
    const parser = new PatternParser(pattern);
    const make = parser.parse();
    const check = new RegExp(pattern, 'u');
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const text = make(random);
      if (check.test(text)) return text;
    }
    return undefined;
  } catch {
    // Also what RegExp itself refuses.
    return undefined;
  }
}

/** Turns a regular expression into something that makes texts of it. */
class PatternParser {
  #at = 0;

  constructor(private readonly source: string) {}

  parse(): Make {
    const make = this.#alternatives();
    if (this.#at < this.source.length) throw new NotSupported(this.source);
    return make;
  }

  #alternatives(): Make {
    const options = [this.#sequence()];
    while (this.#take('|')) options.push(this.#sequence());
    return (random) => pick(options, random)(random);
  }

  #sequence(): Make {
    const parts: Make[] = [];
    while (this.#at < this.source.length && !'|)'.includes(this.#peek())) {
      parts.push(this.#repeated(this.#atom()));
    }
    return (random) => parts.map((part) => part(random)).join('');
  }

  #repeated(make: Make): Make {
    const [least, most] = this.#quantifier();
    this.#take('?');
    return (random) => {
      const count = least + Math.floor(random() * (most - least + 1));
      return Array.from({ length: count }, () => make(random)).join('');
    };
  }

  #quantifier(): readonly [least: number, most: number] {
    if (this.#take('*')) return [0, MORE];
    if (this.#take('+')) return [1, 1 + MORE];
    if (this.#take('?')) return [0, 1];
    const braces = /^\{(\d+)(,?)(\d*)\}/.exec(this.source.slice(this.#at));
    if (braces === null) return [1, 1];
    this.#at += braces[0].length;
    const least = Number(braces[1]);
    if (braces[2] === '') return [least, least];
    return [least, braces[3] === '' ? least + MORE : Number(braces[3])];
  }

  #atom(): Make {
    const next = this.#next();
    if (next === '^' || next === '$') return () => '';
    if (next === '.') return (random) => pick(WORD, random);
    if (next === '[') return oneOf(this.#set());
    if (next === '\\') return oneOf(this.#escaped());
    if (next !== '(') return () => next;
    if (this.#take('?:')) return this.#group();
    if (/^\?<[A-Za-z]\w*>/.test(this.source.slice(this.#at))) {
      this.#at = this.source.indexOf('>', this.#at) + 1;
      return this.#group();
    }
    if (this.#peek() === '?') throw new NotSupported(this.source);
    return this.#group();
  }

  #group(): Make {
    const make = this.#alternatives();
    if (!this.#take(')')) throw new NotSupported(this.source);
    return make;
  }

  #set(): string[] {
    const negated = this.#take('^');
    const characters: string[] = [];
    while (!this.#take(']')) {
      const from = this.#member();
      if (from.length === 1 && this.#peek() === '-' && this.source[this.#at + 1] !== ']') {
        this.#next();
        characters.push(...range(from[0] ?? '', this.#member()[0] ?? ''));
      } else characters.push(...from);
    }
    return negated ? PRINTABLE.filter((each) => !characters.includes(each)) : characters;
  }

  #member(): string[] {
    const next = this.#next();
    return next === '\\' ? this.#escaped() : [next];
  }

  #escaped(): string[] {
    const next = this.#next();
    if (next === 'd') return DIGITS;
    if (next === 'w') return WORD;
    if (next === 's') return [' '];
    if (next === 'D' || next === 'S') return LETTERS;
    if (next === 'W') return ['-', '.', '!'];
    if (next === 'n') return ['\n'];
    if (next === 't') return ['\t'];
    if (/[\w]/.test(next)) throw new NotSupported(this.source);
    return [next];
  }

  #peek(): string {
    return this.source[this.#at] ?? '';
  }

  #next(): string {
    const next = this.#peek();
    if (next === '') throw new NotSupported(this.source);
    this.#at += 1;
    return next;
  }

  #take(text: string): boolean {
    if (!this.source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }
}

function range(from: string, to: string): string[] {
  const first = from.codePointAt(0) ?? 0;
  const last = Math.min(to.codePointAt(0) ?? 0, first + 1_000);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) =>
    String.fromCodePoint(first + index),
  );
}

function oneOf(characters: readonly string[]): Make {
  if (characters.length === 0) throw new NotSupported('an empty set');
  return (random) => pick(characters, random);
}

/** One of some values. */
export function pick<T>(values: readonly T[], random: Random): T {
  return values[Math.min(values.length - 1, Math.floor(random() * values.length))] as T;
}
