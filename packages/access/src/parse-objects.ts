/**
 * Kubernetes objects into the views that decisions read. The API server has checked
 * them against the CRD, but the proxy does not stake access on that: an object that does
 * not parse is no grant, no user, no trust, and the reason is logged. Nothing here throws.
 */
import { fingerprint, isSecurityKeyType, parsePublicKeyLine } from "@teleport-access/sshcert";
import type { SshPublicKey } from "@teleport-access/sshcert";
import { durationSeconds } from "./durations.ts";
import { DEFAULT_PERMISSIONS, PERMISSIONS } from "./grant.ts";
import type { Grant, Permission, StaleAllowance, TargetPattern } from "./grant.ts";
import { Fields, Unreadable } from "./object-fields.ts";
import { isSourceRange } from "./source-ranges.ts";
import type { ClusterTrust, User } from "./world.ts";

/** A view, or one sentence that names the field. */
export type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

/** A UserAccess. One that is being deleted is the caller's to leave out. */
export function parseGrant(object: unknown): Parsed<Grant> {
  return parseObject(object, ({ metadata, spec }) => {
    const clusters = spec.strings("clusters");
    const labels = spec.object("clusterSelector")?.object("matchLabels")?.stringMap();
    return {
      ...identityOf(metadata),
      user: spec.requiredObject("userRef").text("name"),
      clusters: clusters?.includes("*") === true ? "*" : (clusters ?? []),
      ...(labels === undefined ? {} : { clusterLabels: labels }),
      logins: spec.strings("logins") ?? [],
      targets: targetsOf(spec),
      permissions: permissionsOf(spec),
      ...named("maxCertificateTtlSeconds", secondsOf(spec, "maxCertificateTTL")),
      secondFactor: spec.oneOf("secondFactor", ["PerSignIn", "PerSession"]),
      sourceRanges: rangesOf(spec),
      ...named("startTime", spec.time("startTime")),
      ...named("expirationTime", spec.time("expirationTime")),
      suspend: spec.flag("suspend"),
      ...named("onStale", staleOf(spec)),
    };
  });
}

/** A ProxyUser. */
export function parseUser(object: unknown): Parsed<User> {
  return parseObject(object, ({ metadata, spec }) => {
    const { uid, name } = identityOf(metadata);
    return { uid, name, suspend: spec.flag("suspend") };
  });
}

/**
 * A TrustedHostCA. Keys written in spec count from the moment they are written, and stop counting when they are
 * removed, operator or not; only keys by reference come through status, where the operator puts them.
 */
export function parseTrust(object: unknown): Parsed<ClusterTrust> {
  return parseObject(object, ({ metadata, spec, status }) => {
    const authorities = keysOf(spec.strings("publicKeys") ?? status?.strings("publicKeys") ?? []);
    return {
      ...identityOf(metadata),
      authorities,
      fingerprints: authorities.map((key) => fingerprint(key)),
      principals: spec.oneOf("principals", ["Scoped", "Plain"]),
      sourceRanges: rangesOf(spec),
      suspend: spec.flag("suspend"),
      labels: metadata.object("labels")?.stringMap() ?? {},
      maxTunnels: spec.integer("maxTunnels", DEFAULT_MAX_TUNNELS),
    };
  });
}

/** As in the CRD; a proxy may run against objects that were stored before the default was. */
const DEFAULT_MAX_TUNNELS = 16;

/** The parts of a Kubernetes object, for readers of kinds that are not read here. */
export interface ObjectParts {
  readonly metadata: Fields;
  readonly spec: Fields;
  readonly status: Fields | undefined;
}

/** What `read` makes of an object, or the reason why it cannot be read. */
export function parseObject<T>(object: unknown, read: (parts: ObjectParts) => T): Parsed<T> {
  try {
    return { ok: true, value: read(objectOf(object)) };
  } catch (error) {
    if (error instanceof Unreadable) return { ok: false, reason: error.message };
    throw error;
  }
}

function objectOf(object: unknown): ObjectParts {
  const fields = new Fields(object);
  return {
    metadata: fields.requiredObject("metadata"),
    spec: fields.requiredObject("spec"),
    status: fields.object("status"),
  };
}

function identityOf(metadata: Fields): { uid: string; name: string; resourceVersion: string } {
  return {
    uid: metadata.text("uid"),
    name: metadata.text("name"),
    resourceVersion: metadata.text("resourceVersion"),
  };
}

/** A property that is absent rather than undefined (exactOptionalPropertyTypes). */
function named<K extends string, T>(key: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, T>);
}

/** Absent means all; present and empty means none. */
function targetsOf(spec: Fields): readonly TargetPattern[] {
  const targets = spec.objects("targets");
  if (targets === undefined) return [{ host: "*", ports: "*" }];
  return targets.map((target) => ({ host: target.text("host"), ports: target.integers("ports") ?? "*" }));
}

function permissionsOf(spec: Fields): readonly Permission[] {
  const words = spec.strings("permissions");
  if (words === undefined) return DEFAULT_PERMISSIONS;
  return words.map((word) => {
    const permission = PERMISSIONS.find((known) => known === word);
    if (permission === undefined)
      throw new Unreadable(`${spec.path("permissions")}: ${quote(word)} is no permission`);
    return permission;
  });
}

function rangesOf(spec: Fields): readonly string[] {
  const ranges = spec.strings("sourceRanges") ?? [];
  const bad = ranges.find((range) => !isSourceRange(range));
  // Left out, a bad range would turn "only from here" into "from anywhere".
  if (bad !== undefined) throw new Unreadable(`${spec.path("sourceRanges")}: ${quote(bad)} is no CIDR block`);
  return ranges;
}

function secondsOf(fields: Fields, key: string): number | undefined {
  const text = fields.optionalText(key);
  if (text === undefined) return undefined;
  const seconds = durationSeconds(text);
  if (seconds === undefined)
    throw new Unreadable(`${fields.path(key)}: ${quote(text)} is no duration such as 8h`);
  return seconds;
}

/** As in the CRD. */
const DEFAULT_STALE_SECONDS = 15 * 60;

function staleOf(spec: Fields): StaleAllowance | undefined {
  const onStale = spec.object("onStale");
  if (onStale?.oneOf("policy", ["Inherit", "Allow"]) !== "Allow") return undefined;
  return { seconds: secondsOf(onStale, "duration") ?? DEFAULT_STALE_SECONDS };
}

function keysOf(lines: readonly string[]): readonly SshPublicKey[] {
  return lines.map((line, index) => {
    const key = keyOf(line, index);
    if (isSecurityKeyType(key.type))
      throw new Unreadable(`publicKeys[${index}]: a security key's key is no authority`);
    return key;
  });
}

function keyOf(line: string, index: number): SshPublicKey {
  try {
    return parsePublicKeyLine(line);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Unreadable(`publicKeys[${index}]: ${why}`, { cause: error });
  }
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}
