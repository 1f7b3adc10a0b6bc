/**
 * Reads configuration: a JSON file, and values taken out of it one by one.
 *
 * A wrong value stops with one sentence that names the field and what would be
 * right; it never quotes more than a short piece, since a file may hold secrets.
 * Fields that we do not know are ignored: during an upgrade the operator may be
 * newer than its pods.
 */
import { readFileSync } from "node:fs";

export type ConfigErrorCode = "CONFIG_MISSING" | "CONFIG_UNREADABLE" | "CONFIG_SYNTAX" | "CONFIG_INVALID";

/** `message` is one sentence for the person who wrote the configuration. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code: ConfigErrorCode;

  constructor(code: ConfigErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

function invalid(field: string, problem: string): ConfigError {
  return new ConfigError("CONFIG_INVALID", `${field}: ${problem}`);
}

/** A piece of input for a message: short, on one line. */
function quote(value: unknown): string {
  if (typeof value !== "string") return value === null ? "null" : `a value of type ${typeof value}`;
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}

/** Reads and parses a JSON file. @throws ConfigError whose message begins with the path */
export function readConfigFile<T>(path: string, parse: (value: unknown) => T): T {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    const [code, what] = missing
      ? (["CONFIG_MISSING", "there is no such file"] as const)
      : (["CONFIG_UNREADABLE", "the file cannot be read"] as const);
    throw new ConfigError(code, `${path}: ${what}`, { cause });
  }
  return parseJson(text, path, parse);
}

/** Parses JSON text; `source` begins the message of an error. */
export function parseJson<T>(text: string, source: string, parse: (value: unknown) => T): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The engine's message quotes the input around the error.
    throw new ConfigError("CONFIG_SYNTAX", `${source}: not JSON`);
  }
  try {
    return parse(value);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.code, `${source}: ${error.message}`, { cause: error });
  }
}

export type Fields = Readonly<Record<string, unknown>>;

/** The fields of an object. @throws ConfigError for anything else */
export function fields(value: unknown, field: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(field, `must be an object, not ${Array.isArray(value) ? "a list" : quote(value)}`);
  }
  return value as Fields;
}

export interface StringLimits {
  /** @default 1 */
  readonly min?: number;
  /** In UTF-16 units. @default 4096 */
  readonly max?: number;
  readonly pattern?: RegExp;
  /** Completes "must be …" when the pattern does not match. */
  readonly description?: string;
  /** The message does not quote it. */
  readonly secret?: boolean;
}

export function string(value: unknown, field: string, limits: StringLimits = {}): string {
  if (typeof value !== "string") throw missingOr(value, field, "a string");
  checkLength(value, field, limits);
  if (limits.pattern?.test(value) === false) {
    const found = limits.secret === true ? "" : `, not ${quote(value)}`;
    throw invalid(field, `must be ${limits.description ?? "in another form"}${found}`);
  }
  return value;
}

function checkLength(value: string, field: string, { min = 1, max = 4096 }: StringLimits): void {
  if (value === "" && min > 0) throw invalid(field, "must not be empty");
  if (value.length < min) throw invalid(field, `must have at least ${min} characters`);
  if (value.length > max) throw invalid(field, `must have at most ${max} characters`);
}

function missingOr(value: unknown, field: string, what: string): ConfigError {
  return value === undefined
    ? invalid(field, "is missing")
    : invalid(field, `must be ${what}, not ${quote(value)}`);
}

export interface IntegerLimits {
  readonly min: number;
  readonly max: number;
}

export function integer(value: unknown, field: string, { min, max }: IntegerLimits): number {
  if (typeof value !== "number") throw missingOr(value, field, "a number");
  if (!Number.isInteger(value) || value < min || value > max) {
    throw invalid(field, `must be a whole number from ${min} to ${max}, not ${value}`);
  }
  return value;
}

export function boolean(value: unknown, field: string): boolean {
  if (typeof value !== "boolean") throw missingOr(value, field, "true or false");
  return value;
}

/** One of a closed set of words. */
export function oneOf<T extends string>(value: unknown, field: string, choices: readonly T[]): T {
  const choice = choices.find((c) => c === value);
  if (choice === undefined) throw missingOr(value, field, `one of ${choices.join(", ")}`);
  return choice;
}

export interface ListLimits {
  /** @default 0 */
  readonly min?: number;
  readonly max: number;
}

/** Each item is parsed under the name `field[index]`. */
export function list<T>(
  value: unknown,
  field: string,
  item: (value: unknown, field: string) => T,
  { min = 0, max }: ListLimits,
): readonly T[] {
  if (!Array.isArray(value)) throw missingOr(value, field, "a list");
  if (value.length < min) throw invalid(field, `must have at least ${min} items`);
  if (value.length > max) throw invalid(field, `must have at most ${max} items`);
  return value.map((v, index) => item(v, `${field}[${index}]`));
}

/** Undefined for a field that is absent; anything else must parse. */
export function optional<T>(
  value: unknown,
  field: string,
  parse: (value: unknown, field: string) => T,
): T | undefined {
  return value === undefined ? undefined : parse(value, field);
}
