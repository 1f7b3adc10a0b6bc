/**
 * Server-side apply, well enough for tests: an applied object is merged into the
 * stored one, and what the same manager applied before and leaves out now is taken
 * away, unless another manager applied it too.
 *
 * Simpler than the real thing: there are no conflicts (as with force), ownership is
 * remembered as each manager's last applied object, and lists merge by key only
 * where LIST_KEYS says so; all other lists are replaced as a whole.
 */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = Readonly<Record<string, Json>>;

/** Lists that merge by a key, by field name: the key's fields, the first that an entry has. */
const LIST_KEYS: Readonly<Record<string, readonly string[]>> = {
  conditions: ["type"],
  proxies: ["pod", "name"],
  publicKeys: ["fingerprint"],
  ownerReferences: ["uid"],
  containers: ["name"],
  initContainers: ["name"],
  volumes: ["name"],
  env: ["name"],
  extraEnv: ["name"],
};

/** What to remember of each manager: its last applied object. */
export type Managers = Map<string, JsonObject>;

/** The stored object after `manager` applied `applied`. Updates `managers`. */
export function applyObject(
  stored: JsonObject,
  applied: JsonObject,
  manager: string,
  managers: Managers,
): JsonObject {
  const before = managers.get(manager) ?? {};
  managers.set(manager, applied);
  const wanted = new Set([...managers.values()].flatMap((object) => leaves(object).map(pathKey)));
  const abandoned = leaves(before)
    .filter((path) => !wanted.has(pathKey(path)))
    // An entry's key goes last: without it the entry could not be found any more.
    .sort((a, b) => Number(isEntryKey(a)) - Number(isEntryKey(b)));
  const kept = abandoned.reduce<JsonObject>(without, stored);
  return mergeApplied(kept, applied);
}

type Path = readonly string[];

function pathKey(path: Path): string {
  return JSON.stringify(path);
}

function isEntryKey(path: Path): boolean {
  return LIST_KEYS[path.at(-3) ?? ""]?.includes(path.at(-1) ?? "") === true;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The key of a list's entry, when the list merges by key. */
function entryKey(field: string, entry: Json): string | undefined {
  if (!isObject(entry)) return undefined;
  const name = LIST_KEYS[field]?.find((key) => entry[key] !== undefined);
  return name === undefined ? undefined : JSON.stringify(entry[name]);
}

/** What is below a field: an object's fields, or a keyed list's entries by their key. */
function childrenOf(field: string, value: Json | undefined): JsonObject | undefined {
  if (isObject(value)) return value;
  if (!Array.isArray(value) || LIST_KEYS[field] === undefined) return undefined;
  const entries = (value as readonly Json[]).map((entry) => [entryKey(field, entry), entry] as const);
  if (entries.some(([key]) => key === undefined)) return undefined;
  return Object.fromEntries(entries) as JsonObject;
}

/** The paths of everything in an object that has nothing below it. */
function leaves(object: JsonObject): Path[] {
  return Object.entries(object).flatMap(([field, value]) => {
    const children = childrenOf(field, value);
    if (children === undefined || Object.keys(children).length === 0) return [[field]];
    return leaves(children).map((rest) => [field, ...rest]);
  });
}

/** The object without what is at a path, and without what that leaves empty. */
function without(object: JsonObject, [field = "", ...rest]: Path): JsonObject {
  const { [field]: value, ...others } = object;
  const children = rest.length === 0 ? undefined : childrenOf(field, value);
  if (children === undefined) return others;
  const left = without(children, rest);
  if (Object.keys(left).length === 0) return others;
  return { ...object, [field]: Array.isArray(value) ? Object.values(left) : left };
}

function mergeApplied(stored: JsonObject, applied: JsonObject): JsonObject {
  const result: Record<string, Json> = { ...stored };
  for (const [field, value] of Object.entries(applied)) {
    const current = childrenOf(field, result[field]);
    const next = childrenOf(field, value);
    const mergeable = current !== undefined && next !== undefined;
    if (!mergeable) result[field] = value;
    else {
      const merged = mergeApplied(current, next);
      result[field] = Array.isArray(value) ? Object.values(merged) : merged;
    }
  }
  return result;
}

/** JSON merge patch, RFC 7386, section 2. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result: Record<string, Json> = isObject(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, field);
    else result[field] = mergePatch(result[field], value);
  }
  return result;
}
