/**
 * Decides what is true of an SSH certificate authority (a proxy's user CA, a
 * cluster's host CA), from its Secret and from what was published before. Pure.
 *
 *   Secret      published before   is
 *   absent      nothing            to be made (once)
 *   absent      a fingerprint      KeyMissing: nobody makes another by himself
 *   other key   a fingerprint      KeyMismatch: not used
 *   unreadable  any                InvalidKey
 *   the key     nothing or same    ready
 *
 * The private key does not leave this folder: what is decided here are public
 * keys. Making the key: make-authority.ts. Signing with it: sign-host.ts.
 * Rotation (crds.md, Rotation) is to be derived here from the Secret's annotations.
 */
import {
  fingerprint,
  formatPublicKeyLine,
  parsePrivateKey,
  parsePublicKeyLine,
  publicKeyOf,
  type KeyAlgorithm,
} from "@teleport-access/sshcert";
import { secretText, type ConfigMap, type Owner, type Secret, type Component } from "../objects.ts";

/** Key of the private key in a Secret that the operator made. */
export const CA_KEY = "ca.key";
/** Key of the public keys, in the Secret and in the ConfigMap beside it. */
export const CA_PUB = "ca.pub";

/** A public key as status lists it. */
export interface PublishedKey {
  readonly fingerprint: string;
  readonly key: string;
  readonly use: "Active" | "Next" | "Previous";
}

/** What was published before this pass: the memory that a lost Secret is measured against. */
export interface AuthorityMemory {
  readonly fingerprint: string;
  readonly publicKeys: readonly PublishedKey[];
}

export interface AuthorityInput {
  /** Where in spec the authority is described, for messages: "spec.userCA". */
  readonly field: string;
  readonly secretName: string;
  /** Key of the private key within the Secret. */
  readonly secretKey: string;
  /** The Secret is the user's (existingSecretRef): never made, never written. */
  readonly provided: boolean;
  readonly secret: Secret | undefined;
  /** Whether the Secret, when the operator is to make it, carries the operator's mark. */
  readonly foreign: boolean;
  readonly memory: AuthorityMemory | undefined;
  /** `rotation.request` of the spec. */
  readonly request: string | undefined;
}

export type AuthorityState =
  | {
      readonly state: "ready";
      readonly reason: "Generated" | "Provided";
      readonly fingerprint: string;
      readonly publicKeys: readonly PublishedKey[];
    }
  | { readonly state: "to-make" }
  | { readonly state: "unusable"; readonly reason: AuthorityProblem; readonly message: string };

export type AuthorityProblem = "KeyMissing" | "KeyMismatch" | "InvalidKey" | "NameConflict";

/** A key to make; fulfilled by make-authority.ts. */
export interface AuthorityOrder {
  readonly make: "authority";
  readonly owner: Owner;
  readonly component: Component;
  readonly secretName: string;
  readonly algorithm: KeyAlgorithm;
  /** Without an ownerReference, so that deleting the resource keeps the key. */
  readonly retain: boolean;
  readonly comment: string;
}

/** A Secret that a person restored without the operator's mark; fulfilled by make.ts. */
export interface AdoptionOrder {
  readonly make: "adoption";
  readonly owner: Owner;
  readonly component: Component;
  readonly secretName: string;
}

/** Says what is true of the authority. */
export function decideAuthority(input: AuthorityInput): AuthorityState {
  if (input.secret === undefined) return decideAbsent(input);
  const active = readActiveKey(input);
  if (input.foreign && !isRemembered(input, active)) {
    const message = `Secret ${input.secretName} exists and was not made for this object; rename or delete it`;
    return unusable("NameConflict", message);
  }
  if (typeof active === "string") return unusable("InvalidKey", active);
  return decidePresent(input, active);
}

/** Whoever brings the key back brings the right one, whatever labels the Secret has. */
function isRemembered(input: AuthorityInput, active: PublishedKey | string): boolean {
  return typeof active !== "string" && active.fingerprint === input.memory?.fingerprint;
}

function decidePresent(input: AuthorityInput, active: PublishedKey): AuthorityState {
  const { memory, secretName, provided } = input;
  if (memory !== undefined && active.fingerprint !== memory.fingerprint && !isReplacementAsked(input)) {
    return unusable(
      "KeyMismatch",
      `Secret ${secretName} holds ${active.fingerprint}, certificates were signed by ` +
        `${memory.fingerprint}; restore that key${orReplace(input, memory.fingerprint)}`,
    );
  }
  return {
    state: "ready",
    reason: provided ? "Provided" : "Generated",
    fingerprint: active.fingerprint,
    publicKeys: [active],
  };
}

/** The memory of an authority: status first, and the published ConfigMap when status was lost (a restored backup). */
export function rememberAuthority(
  status: { readonly activeFingerprint?: string; readonly publicKeys?: readonly PublishedKey[] } | undefined,
  published: ConfigMap | undefined,
): AuthorityMemory | undefined {
  if (status?.activeFingerprint !== undefined) {
    return { fingerprint: status.activeFingerprint, publicKeys: status.publicKeys ?? [] };
  }
  const publicKeys = publishedKeys(published?.data?.[CA_PUB] ?? "");
  const [active] = publicKeys;
  return active === undefined ? undefined : { fingerprint: active.fingerprint, publicKeys };
}

/** What status says of an authority: `status.userCA`, `status.hostCA`. */
export function authorityStatus(facts: AuthorityStatusFacts): Record<string, unknown> {
  const { authority, memory } = facts;
  const active = authority.state === "ready" ? authority.fingerprint : memory?.fingerprint;
  const replaced = authority.state === "ready" && memory !== undefined && memory.fingerprint !== active;
  const observedRequest = replaced ? facts.request : facts.observedRequest;
  return {
    secretName: facts.secretName,
    publicKeysConfigMap: facts.configMapName,
    ...(active === undefined ? {} : { activeFingerprint: active }),
    publicKeys: keysInForce(authority, memory) ?? [],
    rotation: { phase: "Idle", ...(observedRequest === undefined ? {} : { observedRequest }) },
  };
}

export interface AuthorityStatusFacts {
  readonly authority: AuthorityState;
  readonly memory: AuthorityMemory | undefined;
  readonly secretName: string;
  readonly configMapName: string;
  /** `rotation.request` of the spec. */
  readonly request: string | undefined;
  /** The one that was acted on before this pass. */
  readonly observedRequest: string | undefined;
}

/** The public keys to publish: those of the Secret, or what was published while it is in doubt. */
export function keysInForce(
  authority: AuthorityState,
  memory: AuthorityMemory | undefined,
): readonly PublishedKey[] | undefined {
  return authority.state === "ready" ? authority.publicKeys : memory?.publicKeys;
}

function decideAbsent(input: AuthorityInput): AuthorityState {
  const { memory, provided, secretName } = input;
  if (provided) {
    return unusable(
      "KeyMissing",
      `Secret ${secretName} (${input.field}.existingSecretRef) does not exist; create it`,
    );
  }
  // The lost key may have signed everybody's certificates, and others trust its public half. A new
  // one made by itself would lock all of them out without a word, so a person has to say so.
  if (memory !== undefined && !isReplacementAsked(input)) {
    return unusable(
      "KeyMissing",
      `Secret ${secretName} with key ${memory.fingerprint} is gone; restore it` +
        orReplace(input, memory.fingerprint),
    );
  }
  return { state: "to-make" };
}

/** By fingerprint, so that the request of the last accident is not the permission for the next. */
function isReplacementAsked(input: AuthorityInput): boolean {
  const lost = input.memory?.fingerprint;
  return lost !== undefined && input.request === `replace-lost-key/${lost}`;
}

function orReplace(input: AuthorityInput, lost: string): string {
  return `, or set ${input.field}.rotation.request to replace-lost-key/${lost}`;
}

function readActiveKey(input: AuthorityInput): PublishedKey | string {
  const text = secretText(input.secret, input.secretKey);
  if (text === undefined) return `Secret ${input.secretName} has no key ${input.secretKey}`;
  try {
    const key = publicKeyOf(parsePrivateKey(text));
    return { fingerprint: fingerprint(key), key: formatPublicKeyLine(key), use: "Active" };
  } catch {
    // The parser's words are left out: whatever stands in the Secret must not reach a status.
    return `${input.secretKey} in Secret ${input.secretName} is not an unencrypted private key (PKCS#8 or OpenSSH)`;
  }
}

function publishedKeys(lines: string): PublishedKey[] {
  const keys = lines.split("\n").filter((line) => line.trim() !== "");
  return keys.flatMap((line, index) => {
    try {
      const key = parsePublicKeyLine(line);
      const use = index === 0 ? "Active" : "Previous";
      return [{ fingerprint: fingerprint(key), key: formatPublicKeyLine(key), use }];
    } catch {
      return [];
    }
  });
}

function unusable(reason: AuthorityProblem, message: string): AuthorityState {
  return { state: "unusable", reason, message };
}
