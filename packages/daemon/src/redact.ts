/**
 * Keeps secrets out of what we log, whoever forgets to.
 *
 * The second line of defence: nobody should pass a secret to the log. It knows
 * secrets by the name of their field and by their shape.
 */
import { KeyObject } from "node:crypto";
import { visibleText } from "./visible-text.ts";

export const REDACTED = "[redacted]";

/** `token` is a secret, `tokenName` is not: the last word of a field's name decides. */
const SECRET_FIELD =
  /(?:password|passphrase|secret|private[-_.]?key|session[-_.]?key|ca[-_.]key|cookie|authorization|credential|token|totp|otp|seal)s?$/i;

/** A private key in PEM, a key-helper token, a password hash, a bearer token. */
const SECRET_SHAPE =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)|\btah_[A-Za-z0-9_-]{16,}|\$argon2[a-z]*\$\S+|\bBearer [A-Za-z0-9._~+/-]{16,}=*/g;

/** A log line is for people: enough for any identifier, too little for a dump. */
const MAX_CHARACTERS = 2048;
/** Of a text longer than that the rest is not even looked at: a secret that begins there is cut off with it. */
const MAX_LOOKED_AT: number = 64 * 1024;
/** Names of fields are ours, but for those of objects that somebody sent. */
const MAX_NAME = 128;
const MAX_DEPTH = 4;
const MAX_ITEMS = 64;

/** A value that is safe and small enough to log. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "function" || typeof value === "symbol") return `[${typeof value}]`;
  if (typeof value !== "object" || value === null) return value;
  return redactObject(value, depth);
}

/** The text with everything shaped like a secret taken out, and nothing in it that a terminal or a reader would act on. */
export function redactText(text: string): string {
  return visibleText(text.slice(0, MAX_LOOKED_AT).replace(SECRET_SHAPE, REDACTED), MAX_CHARACTERS);
}

function redactObject(value: object, depth: number): unknown {
  if (value instanceof KeyObject) return REDACTED;
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (value instanceof Error) return redactText(value.message);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "[no date]" : value.toISOString();
  if (depth >= MAX_DEPTH) return "[nested]";
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item: unknown) => redact(item, depth + 1));
  return redactFields(value, depth + 1);
}

/** The fields of an object, those with a secret's name emptied. */
export function redactFields(value: object, depth = 0): Record<string, unknown> {
  const entries = Object.entries(value).slice(0, MAX_ITEMS);
  return Object.fromEntries(
    entries.map(([name, item]: [string, unknown]) => [
      visibleText(name, MAX_NAME),
      SECRET_FIELD.test(name) && holdsSomething(item) ? REDACTED : redact(item, depth),
    ]),
  );
}

// `token: false` and `passwords: 3` say nothing worth hiding.
function holdsSomething(value: unknown): boolean {
  return typeof value === "string" || (typeof value === "object" && value !== null);
}
