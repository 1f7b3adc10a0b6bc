/**
 * The session key: 32 random bytes in Secret `teleport-access-session`, one per
 * namespace, with which the proxies seal cookies, sign-ins and TOTP keys.
 *
 * Treated like a CA: another key would void every TOTP key, so a lost one is
 * reported and never made again by itself. Its memory is an annotation on the
 * ConfigMap `<proxy>-config` of each proxy of the namespace.
 */
import { createHash, randomBytes } from "node:crypto";
import {
  childMetadata,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  secretData,
  secretText,
  type ConfigMap,
  type Manifest,
  type Owner,
  type Secret,
} from "../objects.ts";

export const SESSION_SECRET = "teleport-access-session";
export const SESSION_KEY = "session.key";
/** Says which session key the proxies of a namespace were configured with. */
export const SESSION_KEY_ID_ANNOTATION = "teleport-access.io/session-key-id";

const SESSION_KEY_BYTES = 32;

export interface SessionKeyOrder {
  readonly make: "session-key";
  readonly owner: Owner;
}

export interface SessionKeyInput {
  readonly secret: Secret | undefined;
  /** `<proxy>-config` of every proxy of the namespace. */
  readonly configs: readonly ConfigMap[];
  /** `userCA.rotation.request` of the proxy that is looked at. */
  readonly request: string | undefined;
}

export type SessionKeyState =
  | { readonly state: "ready"; readonly id: string }
  | { readonly state: "to-make" }
  | { readonly state: "unusable"; readonly reason: SessionKeyProblem; readonly message: string };

export type SessionKeyProblem = "KeyMissing" | "KeyMismatch" | "InvalidKey" | "NameConflict";

/** Says what is true of the namespace's session key. */
export function decideSessionKey(input: SessionKeyInput): SessionKeyState {
  const known = knownId(input.configs);
  const replaceable = known === undefined || isReplacementAsked(input, known);
  if (input.secret === undefined) {
    if (replaceable) return { state: "to-make" };
    return unusable("KeyMissing", `Secret ${SESSION_SECRET} is gone; restore it${orReplace(known)}`);
  }
  const id = idOf(input.secret);
  // Whoever brings the key back brings the right one, whatever labels the Secret has.
  if (isUnmarked(input.secret) && (id === undefined || id !== known)) {
    const message = `Secret ${SESSION_SECRET} was not made by the operator; rename or delete it`;
    return unusable("NameConflict", message);
  }
  if (id === undefined) {
    const message = `${SESSION_KEY} in Secret ${SESSION_SECRET} is not ${SESSION_KEY_BYTES} bytes as base64url`;
    return unusable("InvalidKey", message);
  }
  if (id === known || replaceable) return { state: "ready", id };
  const message = `Secret ${SESSION_SECRET} holds another key than before; restore it${orReplace(known)}`;
  return unusable("KeyMismatch", message);
}

/** A new session key as a Secret. To be created, never applied. */
export function makeSessionKey(order: SessionKeyOrder): Manifest {
  // It belongs to the namespace rather than to a proxy: the labels name no instance that could be pruned.
  const metadata = childMetadata(order.owner, SESSION_SECRET, "proxy", { retain: true });
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata,
    type: "Opaque",
    data: secretData({ [SESSION_KEY]: randomBytes(SESSION_KEY_BYTES).toString("base64url") }),
  };
}

/** Whether the Secret lacks the operator's mark: made by somebody else, or restored by a person. */
export function isUnmarked(secret: Secret): boolean {
  return secret.metadata.labels?.[MANAGED_BY_LABEL] !== MANAGED_BY;
}

/** The annotation's value when all proxies that were configured agree; the first by name otherwise. */
function knownId(configs: readonly ConfigMap[]): string | undefined {
  const sorted = [...configs].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  return sorted.flatMap((config) => config.metadata.annotations?.[SESSION_KEY_ID_ANNOTATION] ?? [])[0];
}

/** Names the key without telling anything of it: 256 random bits cannot be guessed from their hash. */
function idOf(secret: Secret): string | undefined {
  const key = Buffer.from(secretText(secret, SESSION_KEY) ?? "", "base64url");
  if (key.length !== SESSION_KEY_BYTES) return undefined;
  return createHash("sha256").update(key).digest("hex").slice(0, 16);
}

function isReplacementAsked(input: SessionKeyInput, lost: string): boolean {
  return input.request === `replace-lost-session-key/${lost}`;
}

function orReplace(lost: string): string {
  return (
    `, or set spec.userCA.rotation.request to replace-lost-session-key/${lost}` +
    " (signs everybody out and voids every TOTP key)"
  );
}

function unusable(reason: SessionKeyProblem, message: string): SessionKeyState {
  return { state: "unusable", reason, message };
}
