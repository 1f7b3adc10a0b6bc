/**
 * One key-helper that is connected and may stay: what it is told, and when.
 *
 * `look` compares what the machine was told with what the access store says now,
 * and sends the difference: a certificate when there is a sign-in and a grant,
 * "revoked" when nothing is left. It runs synchronously at every change of the
 * store, and by a timer for what time alone changes.
 */
import type { LoginSessionView } from "@teleport-access/access";
import { fingerprint, formatCertificateLine, formatPublicKeyLine } from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";
import type { SignInState } from "@teleport-access/wire";
import type { Timer } from "@teleport-access/daemon";
import type { WebDeps } from "../web/deps.ts";
import { planCertificate, renewalTime } from "./certificate-plan.ts";
import { judgeHelper } from "./hello.ts";
import type { Helper } from "./hello.ts";
import { knownClusters } from "./known-clusters.ts";
import { refusePeer } from "./peer.ts";
import type { Peer } from "./peer.ts";

/** Where the pieces of a standing connection come from. */
export type StandingDeps = Pick<WebDeps, "store" | "ca" | "clock" | "config" | "hostKeys">;

/** One connected, accepted key-helper. */
export interface Standing {
  readonly helper: Helper;
  /** Compares and sends, now. */
  look(): void;
  /** Stops the timer. The peer is the caller's to close. */
  end(): void;
}

/** Who wants to know what was sent: the audit log. */
export interface StandingListener {
  given(certificate: Certificate): void;
  /** A machine that had a certificate was told that it is worthless. */
  revoked(reason: string): void;
  /** Looking went wrong: a defect. The connection was ended, so that the machine comes back and is judged anew. */
  failed(error: unknown): void;
}

/**
 * Grants begin, agents announce new hosts, and neither is a change of the store:
 * so much later it is noticed.
 */
const LOOK_AGAIN_MS = 30_000;

/** RFC 6455, section 7.4.1: an unexpected condition. */
const CLOSE_DEFECT = 1011;

/** What the machine was told last. */
interface Told {
  state: SignInState;
  certificate: Certificate | undefined;
  /** Whether "revoked" was the last word; it is said once. */
  revoked: boolean;
  /** Why the last certificate was taken back. */
  reason: string;
  knownHosts: string;
  readonly clusters: Set<string>;
  /** What the last certificate was worked out from; unchanged means there is nothing to work out. */
  inputs: string;
}

/** One conversation: with whom, about whom, and what was said. */
interface Talk {
  readonly deps: StandingDeps;
  readonly peer: Peer;
  readonly helper: Helper;
  readonly told: Told;
}

/** Welcomes the key-helper, tells it how things are, and keeps it told. */
export function startStanding(
  deps: StandingDeps,
  peer: Peer,
  helper: Helper,
  listener: StandingListener,
): Standing {
  const told = welcome(deps, peer, helper);
  const talk = { deps, peer, helper, told };
  let timer: Timer | undefined;
  let ended = false;

  function look(inputsMatter: boolean): void {
    if (ended) return;
    timer?.cancel();
    try {
      if (tellAndReport(talk, inputsMatter, listener)) schedule();
      else end();
    } catch (error) {
      // Called by timers and by the store: nobody above could do better than this.
      end();
      listener.failed(error);
      peer.close(CLOSE_DEFECT, "try again");
    }
  }
  function schedule(): void {
    timer = deps.clock.setTimer(nextLook(deps.clock.now(), told), () => {
      look(false);
    });
  }
  function end(): void {
    ended = true;
    timer?.cancel();
  }
  look(false);
  return {
    helper,
    look: () => {
      look(true);
    },
    end,
  };
}

/** Sends what differs, and says so; false when the key-helper may not stay. */
function tellAndReport(talk: Talk, inputsMatter: boolean, listener: StandingListener): boolean {
  const { told } = talk;
  const before = told.certificate;
  const stays = tell(talk, inputsMatter);
  const { certificate } = told;
  if (before !== undefined && certificate === undefined) listener.revoked(told.reason);
  if (certificate !== undefined && certificate !== before) listener.given(certificate);
  return stays;
}

function welcome(deps: StandingDeps, peer: Peer, helper: Helper): Told {
  const { publicAddresses } = deps.config();
  const now = deps.clock.now();
  const clusters = new Set<string>();
  const knownHosts = knownClusters(deps.store.clusters(), deps.store.grantsOf(helper.user), clusters, now);
  for (const { cluster } of knownHosts) clusters.add(cluster);
  const state = newestSession(deps, helper.user) === undefined ? "waiting" : "signed-in";
  peer.send({
    type: "welcome",
    user: helper.user,
    ssh: {
      address: publicAddresses.ssh,
      hostKeys: deps.hostKeys().map((key) => formatPublicKeyLine(key)),
    },
    webAddress: publicAddresses.web,
    knownHosts,
    state,
  });
  return {
    state,
    certificate: undefined,
    revoked: false,
    reason: "",
    knownHosts: JSON.stringify(knownHosts),
    clusters,
    inputs: "",
  };
}

/** Sends what differs; false when the key-helper may not stay and was told so. */
function tell(talk: Talk, inputsMatter: boolean): boolean {
  const { deps, peer, helper, told } = talk;
  const { store, clock } = deps;
  const now = clock.now();
  const token = store.keyHelperToken(helper.token.tokenHash);
  const verdict = judgeHelper(helper, token, { now, user: store.user.bind(store) });
  // A suspended person stays connected: whoever lifts the suspension expects access to be back at once.
  if (!verdict.accepted && verdict.reason !== "suspended") {
    tellRevoked(peer, told, verdict.reason);
    refusePeer(peer, verdict.reason);
    return false;
  }
  const session = newestSession(deps, helper.user);
  if (session === undefined) {
    tellRevoked(peer, told, "session-gone");
    tellState(peer, told, "waiting");
  } else {
    tellState(peer, told, "signed-in");
    const inputs = inputsOf(deps, helper.user, session, now);
    if (!inputsMatter || inputs !== told.inputs) tellCertificate(talk, session);
    told.inputs = inputs;
  }
  tellClusters(talk);
  return true;
}

function tellState(peer: Peer, told: Told, state: SignInState): void {
  if (told.state === state) return;
  told.state = state;
  // A new sign-in is a new beginning: if it brings nothing, that is said again.
  told.revoked = false;
  peer.send({ type: "state", state });
}

function tellRevoked(peer: Peer, told: Told, reason: string): void {
  if (told.revoked || (told.certificate === undefined && reason === "session-gone")) return;
  told.certificate = undefined;
  told.revoked = true;
  told.reason = reason;
  peer.send({ type: "revoked", reason });
}

function tellCertificate({ deps, peer, helper, told }: Talk, session: LoginSessionView): void {
  const now = deps.clock.now();
  const { user, publicKey } = helper;
  const answer = deps.ca.issue({ user, publicKey, loginSession: session.name, now });
  if (!answer.issued) {
    // While the list is stale nothing new is given, and nothing taken away: the cut at the SSH port decides.
    if (answer.reason !== "access-list-stale") tellRevoked(peer, told, answer.reason);
    return;
  }
  const { certificate } = answer;
  if (planCertificate(told.certificate, certificate, now) === "keep") return;
  told.certificate = certificate;
  told.revoked = false;
  peer.send({
    type: "certificate",
    line: formatCertificateLine(certificate, user),
    serial: certificate.serial.toString(),
    validAfter: timeOf(certificate.validAfter),
    validBefore: timeOf(certificate.validBefore),
    principals: certificate.principals,
  });
}

function tellClusters({ deps, peer, helper, told }: Talk): void {
  const { store, clock } = deps;
  const knownHosts = knownClusters(store.clusters(), store.grantsOf(helper.user), told.clusters, clock.now());
  for (const { cluster } of knownHosts) told.clusters.add(cluster);
  const text = JSON.stringify(knownHosts);
  if (text === told.knownHosts) return;
  told.knownHosts = text;
  peer.send({ type: "known-hosts", knownHosts });
}

/** The sign-in of this very person that lasts longest. */
function newestSession(deps: StandingDeps, user: string): LoginSessionView | undefined {
  const uid = deps.store.user(user)?.uid;
  const now = deps.clock.now();
  return deps.store
    .loginSessionsOf(user)
    .filter((session) => now < session.expirationTime && (session.userUid ?? uid) === uid)
    .toSorted((a, b) => b.expirationTime - a.expirationTime)[0];
}

/** Everything in the store that a certificate follows from. Far cheaper than signing one for every connection at every change. */
function inputsOf(deps: StandingDeps, user: string, session: LoginSessionView, now: number): string {
  const { store, ca } = deps;
  return JSON.stringify([
    session.name,
    store.user(user),
    store.grantsOf(user),
    store.clusters().map((c) => [c.name, c.uid, c.suspend, c.principals, c.labels, c.fingerprints]),
    ca.publicKeys().map((key) => fingerprint(key)),
    store.stale(now),
  ]);
}

function nextLook(now: number, told: Told): number {
  const { certificate } = told;
  if (certificate === undefined) return LOOK_AGAIN_MS;
  const due = [renewalTime(certificate), Number(certificate.validBefore) * 1000].filter((at) => at > now);
  return Math.min(LOOK_AGAIN_MS, ...due.map((at) => at - now));
}

function timeOf(seconds: bigint): string {
  return new Date(Number(seconds) * 1000).toISOString();
}
