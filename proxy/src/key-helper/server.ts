/**
 * The door for key-helpers: WebSocket upgrades on the web port, their limits, the
 * challenge, and the table of those that are connected.
 */
import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { errorFields } from "@teleport-access/daemon";
import type { Gauge } from "@teleport-access/daemon";
import type { Certificate } from "@teleport-access/sshcert";
import {
  KEY_HELPER_NONCE_BYTES,
  KEY_HELPER_PATH,
  KEY_HELPER_VERSION,
  LOGIN_GRACE_MS,
  MAX_UNAUTHENTICATED,
  MAX_UNAUTHENTICATED_PER_ADDRESS,
  MAX_WEBSOCKET_FRAGMENTS,
  MAX_WEBSOCKET_FRAME_BYTES,
  parseKeyHelperClientMessage,
  WireError,
} from "@teleport-access/wire";
import type { KeyHelperHello, KeyHelperRefusal } from "@teleport-access/wire";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";
import { certificateFields, warningsAbout } from "../certificate-fields.ts";
import { networkOf } from "../signin/lockout.ts";
import type { WebDeps } from "../web/deps.ts";
import { hostOf, isOwnOrigin } from "../web/origin.ts";
import type { UpgradeRoute } from "../web/upgrades.ts";
import { bindToken, noteSeen } from "./binding.ts";
import { judgeHello } from "./hello.ts";
import type { Helper } from "./hello.ts";
import { refusePeer, webSocketPeer } from "./peer.ts";
import type { Peer } from "./peer.ts";
import { pingClients } from "./pings.ts";
import { startStanding } from "./standing.ts";
import type { Standing } from "./standing.ts";

/** The key-helpers of this proxy. */
export interface KeyHelpers extends UpgradeRoute {
  /** Stops taking new ones and asks those connected to go elsewhere. */
  close(): void;
}

/** A machine that restarts its key-helper while the old connection is not noticed as dead yet. */
const MAX_PER_TOKEN = 4;
/** `status.lastSeenTime` is for people; each write is news to every watch. */
const NOTE_EVERY_MS = 5 * 60_000;
/** How long a peer has to answer a close before its connection is cut. */
const CLOSE_MS = 1_000;
/** RFC 6455, section 7.4.1. */
const CLOSE_GOING_AWAY = 1001;
const CLOSE_TRY_AGAIN = 1013;

/** Everything about the door that changes. */
interface Door {
  readonly deps: WebDeps;
  readonly standing: Map<Peer, Standing>;
  /** Connections that have not proven anything yet, by network address. */
  readonly unproven: Map<string, number>;
  /** When a token's use was last written down, by uid. */
  readonly noted: Map<string, number>;
  readonly connected: Gauge;
}

/** The door, for the web port to open. */
export function createKeyHelpers(deps: WebDeps): KeyHelpers {
  const connected = deps.metrics.gauge("key_helpers", "Key-helpers that are connected and accepted.");
  const door: Door = {
    deps,
    standing: new Map(),
    unproven: new Map(),
    noted: new Map(),
    connected,
  };
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_WEBSOCKET_FRAME_BYTES,
    maxFragments: MAX_WEBSOCKET_FRAGMENTS,
    perMessageDeflate: false,
  });
  // Synchronously, within the store's own call: a right that ended is taken back before anything else happens.
  const stopWatching = deps.store.onChange(() => {
    for (const standing of door.standing.values()) standing.look();
  });
  const pings = pingClients(deps.clock, sockets);
  return {
    path: KEY_HELPER_PATH,
    sockets,
    refuse: (request) => refuseUpgrade(door, request),
    accept: (webSocket, request) => {
      accept(door, webSocket, request.socket.remoteAddress ?? "");
    },
    close() {
      stopWatching();
      pings.cancel();
      for (const [peer, standing] of door.standing) {
        standing.end();
        peer.close(CLOSE_GOING_AWAY, "this proxy stops");
      }
      sockets.close();
      for (const socket of sockets.clients) socket.close(CLOSE_GOING_AWAY);
      deps.clock.setTimer(CLOSE_MS, () => {
        for (const socket of sockets.clients) socket.terminate();
      });
    },
  };
}

/** The HTTP status to refuse an upgrade with; undefined when it may go on. */
function refuseUpgrade(door: Door, request: IncomingMessage): string | undefined {
  const { deps } = door;
  // A key-helper is not a browser. A browser on another site's page says so, and must not get in.
  const { origin } = request.headers;
  if (origin !== undefined && !isOwnOrigin(origin, deps.config().publicAddresses.web)) return "403 Forbidden";
  if (!deps.store.synced) return "503 Service Unavailable";
  const address = networkOf(request.socket.remoteAddress ?? "");
  const total = [...door.unproven.values()].reduce((sum, count) => sum + count, 0);
  const crowded = (door.unproven.get(address) ?? 0) >= MAX_UNAUTHENTICATED_PER_ADDRESS;
  return crowded || total >= MAX_UNAUTHENTICATED ? "429 Too Many Requests" : undefined;
}

/** Challenges a new connection, and listens for its one answer. */
function accept(door: Door, socket: WebSocket, address: string): void {
  const { deps } = door;
  const peer = webSocketPeer(socket, address);
  const nonce = randomBytes(KEY_HELPER_NONCE_BYTES).toString("base64url");
  const release = holdPlace(door, networkOf(address));
  const grace = deps.clock.setTimer(LOGIN_GRACE_MS, () => {
    socket.terminate();
  });
  let answered = false;

  socket.on("message", (data: Buffer, isBinary: boolean) => {
    if (answered) {
      // A hello is all that a key-helper ever says.
      refuse(door, peer, "malformed");
      return;
    }
    answered = true;
    judge(door, peer, isBinary ? Buffer.of() : data, nonce)
      .catch((error: unknown) => {
        deps.log.warn("key-helper could not be accepted", errorFields(error));
        peer.close(CLOSE_TRY_AGAIN, "try again");
      })
      .finally(() => {
        grace.cancel();
        release();
      });
  });
  socket.on("error", () => {
    // A broken frame or a reset: ws closes the socket itself, and "close" follows.
  });
  socket.on("close", () => {
    grace.cancel();
    release();
    door.standing.get(peer)?.end();
    door.standing.delete(peer);
    door.connected.set(door.standing.size);
  });
  peer.send({ type: "challenge", version: KEY_HELPER_VERSION, nonce });
}

/** Counts an unproven connection; the answer gives its place back, once. */
function holdPlace(door: Door, address: string): () => void {
  door.unproven.set(address, (door.unproven.get(address) ?? 0) + 1);
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    const left = (door.unproven.get(address) ?? 1) - 1;
    if (left > 0) door.unproven.set(address, left);
    else door.unproven.delete(address);
  };
}

function parseHello(data: Buffer): KeyHelperHello | undefined {
  try {
    return parseKeyHelperClientMessage(data.toString("utf8"));
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

async function judge(door: Door, peer: Peer, data: Buffer, nonce: string): Promise<void> {
  const { deps } = door;
  const { store, clock } = deps;
  const hello = parseHello(data);
  if (hello === undefined) {
    refuse(door, peer, "malformed");
    return;
  }
  const verdict = judgeHello(hello, {
    nonce,
    server: hostOf(deps.config().publicAddresses.web),
    now: clock.now(),
    token: store.keyHelperToken.bind(store),
    user: store.user.bind(store),
  });
  if (!verdict.accepted) {
    refuse(door, peer, verdict.reason, hello.user);
    return;
  }
  const { helper } = verdict;
  const { token, device } = helper;
  const bound =
    token.boundKeyFingerprint === undefined
      ? await bindToken(deps.kube, deps.namespace, token, device)
      : ("bound" as const);
  if (bound !== "bound") refuse(door, peer, bound, hello.user);
  else stand(door, peer, helper);
}

function stand(door: Door, peer: Peer, helper: Helper): void {
  const { deps } = door;
  // It may have left while its token was being bound.
  if (!peer.isOpen()) return;
  const same = [...door.standing.values()].filter((other) => other.helper.token.uid === helper.token.uid);
  if (same.length >= MAX_PER_TOKEN) {
    refuse(door, peer, "rate-limited", helper.user);
    return;
  }
  const { user } = helper;
  const detail = { tokenName: helper.token.name };
  deps.audit.record({ event: "key-helper.connect", outcome: "allowed", user, client: peer.address, detail });
  note(door, helper);
  const standing = startStanding(deps, peer, helper, {
    given: (certificate) => {
      recordGiven(door, peer, helper, certificate);
    },
    failed: (error) => {
      deps.log.error("key-helper could not be told", { user, ...errorFields(error) });
    },
    revoked: (reason) => {
      deps.audit.record({
        event: "access.revoked",
        outcome: "info",
        reason,
        user,
        client: peer.address,
        detail,
      });
    },
  });
  door.standing.set(peer, standing);
  door.connected.set(door.standing.size);
}

function recordGiven(door: Door, peer: Peer, helper: Helper, certificate: Certificate): void {
  note(door, helper, certificate.serial);
  door.deps.audit.record({
    event: "certificate.issue",
    outcome: "allowed",
    user: helper.user,
    client: peer.address,
    certificate: certificateFields(certificate),
    detail: { tokenName: helper.token.name },
    ...warningsAbout(certificate.publicKey),
  });
}

/** Best effort: a note that cannot be written is no reason to turn anybody away. */
function note(door: Door, helper: Helper, serial?: bigint): void {
  const { deps, noted } = door;
  const now = deps.clock.now();
  const { token } = helper;
  if (serial === undefined && now - (noted.get(token.uid) ?? 0) < NOTE_EVERY_MS) return;
  noted.set(token.uid, now);
  noteSeen(deps.kube, deps.namespace, token, { now, ...(serial === undefined ? {} : { serial }) }).catch(
    (error: unknown) => {
      deps.log.debug("key-helper token's last use not written", errorFields(error));
    },
  );
}

function refuse(door: Door, peer: Peer, reason: KeyHelperRefusal, user?: string): void {
  const { deps } = door;
  // Only names that exist: what a stranger types as a user's name does not get into the log.
  const known = user === undefined ? undefined : deps.store.user(user)?.name;
  deps.audit.record({
    event: "key-helper.refuse",
    outcome: "denied",
    reason,
    client: peer.address,
    ...(known === undefined ? {} : { user: known }),
  });
  refusePeer(peer, reason);
}
