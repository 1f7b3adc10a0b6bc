/**
 * The facts a decision is made from: people, clusters, sign-ins, freshness. The
 * proxy's access store fills them in from its own watches; tests write them down.
 */
import type { SshPublicKey } from "@teleport-access/sshcert";
import type { Grant } from "./grant.ts";

/** A person: one ProxyUser. */
export interface User {
  readonly uid: string;
  readonly name: string;
  readonly suspend: boolean;
}

/** Trust in one remote cluster: one TrustedHostCA, named like the cluster. */
export interface ClusterTrust {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** The cluster's host CA keys; empty while the operator has not resolved a reference yet. */
  readonly authorities: readonly SshPublicKey[];
  readonly fingerprints: readonly string[];
  readonly principals: "Scoped" | "Plain";
  /** CIDR blocks that the cluster's agents must come from; empty means anywhere. */
  readonly sourceRanges: readonly string[];
  readonly suspend: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly maxTunnels: number;
}

/** A sign-in that is still there and carries a good seal. */
export interface LoginSessionView {
  readonly name: string;
  readonly uid: string;
  readonly user: string;
  /** The ProxyUser that signed in, where the session says so: another of the same name is somebody else. */
  readonly userUid?: string;
  readonly expirationTime: number;
  /** Only sealed sessions become views: one made with kubectl is no sign-in. */
  readonly sealed: true;
}

/** What to do with people while the access list may be out of date. */
export type StalePolicy = "DenyNew" | "TerminateAll" | "Allow";

/** How far the access list can be believed. */
export interface Freshness {
  /** Older than the longest time that it is believed without proof. */
  readonly stale: boolean;
  /** When it was last proven current, in milliseconds since the epoch. */
  readonly lastProof: number;
  readonly policy: StalePolicy;
}

/** Everything `decide` reads. All lookups answer from memory, at one moment. */
export interface World {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The user CA keys that certificates of people may be signed with. */
  readonly userAuthorities: readonly SshPublicKey[];
  /** A certificate made for longer than this is refused, whoever signed it. */
  readonly maxCertificateTtlSeconds?: number;
  readonly freshness: Freshness;
  user(name: string): User | undefined;
  /** All grants of a person, in force or not. */
  grantsOf(user: string): readonly Grant[];
  cluster(name: string): ClusterTrust | undefined;
  clusters(): readonly ClusterTrust[];
  loginSession(name: string): LoginSessionView | undefined;
}
