/**
 * The shapes that request bodies must have, as JSON Schema for fastify. Bounds
 * here keep nonsense out; what a value means is decided behind the route.
 */

interface TextSchema {
  readonly type: "string";
  readonly minLength: number;
  readonly maxLength: number;
  readonly pattern?: string;
}

interface ObjectSchema {
  readonly type: "object";
  readonly additionalProperties: false;
  readonly required: readonly string[];
  readonly properties: Readonly<Record<string, object>>;
}

/** A string of 1 to `maxLength` characters. */
export function text(maxLength: number): TextSchema {
  return { type: "string", minLength: 1, maxLength };
}

/** An object with all of `required`, perhaps some of `optional`, and nothing else. */
export function objectOf(
  required: Readonly<Record<string, object>>,
  optional: Readonly<Record<string, object>> = {},
): ObjectSchema {
  return {
    type: "object",
    additionalProperties: false,
    required: Object.keys(required),
    properties: { ...required, ...optional },
  };
}

/** Any text: a name that cannot exist is refused like one that does not. */
export const USER: TextSchema = text(253);
/** Four times what a password may have: too long is "wrong", not "bad request". */
export const PASSWORD: TextSchema = text(1024);
export const CODE: TextSchema = text(16);
