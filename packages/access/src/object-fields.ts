/**
 * Reads fields of a JSON object of unknown shape, strictly: a field is absent, or it is what it must
 * be, or the object is unreadable. null counts as absent, as everywhere in Kubernetes.
 */

/** The object cannot be read; the message names the field. */
export class Unreadable extends Error {
  override readonly name = "Unreadable";
}

/** The fields of one object. Every reader throws Unreadable on a value of the wrong kind. */
export class Fields {
  readonly #record: Readonly<Record<string, unknown>>;
  readonly #name: string;

  /** `name` is where the object stands; empty at the top. */
  constructor(value: unknown, name = "") {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new Unreadable(`${name === "" ? "the object" : name}: is not an object`);
    }
    this.#record = value as Readonly<Record<string, unknown>>;
    this.#name = name;
  }

  /** The full name of a field, for messages. */
  path(key: string): string {
    return this.#name === "" ? key : `${this.#name}.${key}`;
  }

  /** A text that is there and not empty. */
  text(key: string): string {
    return asText(this.#get(key), this.path(key));
  }

  optionalText(key: string): string | undefined {
    return this.#optional(key, asText);
  }

  strings(key: string): readonly string[] | undefined {
    return this.#list(key, asText);
  }

  integers(key: string): readonly number[] | undefined {
    return this.#list(key, asInteger);
  }

  integer(key: string, otherwise: number): number {
    return this.#optional(key, asInteger) ?? otherwise;
  }

  /** Absent counts as false. */
  flag(key: string): boolean {
    return this.#optional(key, asFlag) ?? false;
  }

  /** The first word is the default. */
  oneOf<T extends string>(key: string, words: readonly [T, ...T[]]): T {
    return this.#optional(key, (item, at) => asWord(item, at, words)) ?? words[0];
  }

  /** RFC 3339, in milliseconds since the epoch. */
  time(key: string): number | undefined {
    return this.#optional(key, asTime);
  }

  object(key: string): Fields | undefined {
    return this.#optional(key, asFields);
  }

  requiredObject(key: string): Fields {
    return new Fields(this.#get(key), this.path(key));
  }

  objects(key: string): readonly Fields[] | undefined {
    return this.#list(key, asFields);
  }

  /** All fields, which must be strings. */
  stringMap(): Readonly<Record<string, string>> {
    const entries = Object.entries(this.#record);
    return Object.fromEntries(entries.map(([key, item]) => [key, asText(item, this.path(key), 0)]));
  }

  #get(key: string): unknown {
    return Object.hasOwn(this.#record, key) ? (this.#record[key] ?? undefined) : undefined;
  }

  #optional<T>(key: string, read: (item: unknown, at: string) => T): T | undefined {
    const found = this.#get(key);
    return found === undefined ? undefined : read(found, this.path(key));
  }

  #list<T>(key: string, read: (item: unknown, at: string) => T): readonly T[] | undefined {
    const found = this.#get(key);
    if (found === undefined) return undefined;
    if (!Array.isArray(found)) throw new Unreadable(`${this.path(key)}: is not a list`);
    return found.map((item, index) => read(item, `${this.path(key)}[${index}]`));
  }
}

/** What the API server writes for `format: date-time`. */
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

function asFields(value: unknown, at: string): Fields {
  return new Fields(value, at);
}

function asText(value: unknown, at: string, minimum = 1): string {
  if (typeof value !== "string" || value.length < minimum) throw new Unreadable(`${at}: is not a text`);
  return value;
}

function asInteger(value: unknown, at: string): number {
  if (!Number.isSafeInteger(value)) throw new Unreadable(`${at}: is not a whole number`);
  return value as number;
}

function asFlag(value: unknown, at: string): boolean {
  if (typeof value !== "boolean") throw new Unreadable(`${at}: is neither true nor false`);
  return value;
}

function asWord<T extends string>(value: unknown, at: string, words: readonly T[]): T {
  const word = words.find((known) => known === value);
  if (word === undefined) throw new Unreadable(`${at}: is none of ${words.join(", ")}`);
  return word;
}

function asTime(value: unknown, at: string): number {
  const time = typeof value === "string" && RFC_3339.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time)) throw new Unreadable(`${at}: is no time such as 2026-01-31T08:00:00Z`);
  return time;
}
