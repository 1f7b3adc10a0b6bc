/**
 * One connection to the proxy, from the TLS handshake to its end. What the
 * messages mean is run.ts's business; when to come back, too.
 */
import type { KeyObject } from "node:crypto";
import type { Clock, Timer } from "@teleport-access/daemon";
import { formatPublicKeyLine, publicKeyOf, signData } from "@teleport-access/sshcert";
import type { SshPublicKey } from "@teleport-access/sshcert";
import {
  encodeKeyHelperMessage,
  KEY_HELPER_PATH,
  KEY_HELPER_VERSION,
  keyHelperProof,
  MAX_WEBSOCKET_FRAGMENTS,
  MAX_WEBSOCKET_FRAME_BYTES,
  parseKeyHelperServerMessage,
  WireError,
} from "@teleport-access/wire";
import type { KeyHelperRefusal, KeyHelperServerMessage } from "@teleport-access/wire";
import { WebSocket } from "ws";
import { KeyHelperError, systemReason } from "./errors.ts";

/** What comes after the handshake; the rest is dealt with here. */
export type NewsMessage = Exclude<KeyHelperServerMessage, { readonly type: "challenge" | "refused" }>;

/** Everything that one connection needs. */
export interface ConnectionOptions {
  /** An origin: `https://host[:port]`. */
  readonly server: string;
  /** PEM; absent for the authorities that Node knows. */
  readonly ca: string | undefined;
  readonly user: string;
  readonly token: string;
  readonly deviceKey: KeyObject;
  /** The SSH key to certify. */
  readonly publicKey: SshPublicKey;
  readonly clock: Clock;
  /** Ends the connection. */
  readonly signal: AbortSignal;
  /** Called with one message after the other; a rejection ends the connection. */
  onNews(message: NewsMessage): Promise<void>;
}

/** How a connection ended. */
export type ConnectionEnd =
  | { readonly how: "stopped" }
  | { readonly how: "refused"; readonly reason: KeyHelperRefusal; readonly message: string }
  | { readonly how: "lost"; readonly error: KeyHelperError };

const HANDSHAKE_TIMEOUT_MS = 15_000;
/** Both sides ping in this interval. */
const PING_MS = 20_000;
/** Silence for two pings and a little: the laptop slept, or the network changed. */
const DEAD_AFTER_MS = 45_000;
/** How long an orderly end may take. */
const CLOSE_MS = 1_000;

/** Connects, and resolves when the connection is over. Rejects only with what `onNews` rejected with. */
export function connect(options: ConnectionOptions): Promise<ConnectionEnd> {
  return new Promise((resolve, reject) => {
    follow(open(options), options, { resolve, reject });
  });
}

interface Settle {
  readonly resolve: (end: ConnectionEnd) => void;
  readonly reject: (error: unknown) => void;
}

function follow(socket: WebSocket, options: ConnectionOptions, { resolve, reject }: Settle): void {
  const { clock, signal, server } = options;
  let news: Promise<void> = Promise.resolve();
  let end: ConnectionEnd | undefined;

  function finish(result: ConnectionEnd): void {
    end ??= result;
    socket.close();
    // A peer that does not answer the close keeps nobody waiting.
    clock.setTimer(CLOSE_MS, () => {
      socket.terminate();
    });
  }
  function stop(): void {
    finish({ how: "stopped" });
  }
  function take(message: KeyHelperServerMessage): void {
    if (end !== undefined) return;
    if (message.type === "challenge") socket.send(answerChallenge(options, message.nonce));
    else if (message.type === "refused") {
      finish({ how: "refused", reason: message.reason, message: message.message });
    } else {
      // One after the other: a certificate and its revocation must not overtake each other on the disk.
      news = news.then(() => options.onNews(message));
      news.catch((error: unknown) => {
        reject(error);
        socket.terminate();
      });
    }
  }
  const silence = watchSilence(socket, clock);
  socket.on("message", (data: Buffer, isBinary: boolean) => {
    const message = readMessage(data, isBinary);
    if (message instanceof KeyHelperError) finish({ how: "lost", error: message });
    else if (message !== undefined) take(message);
  });
  socket.on("error", (error) => {
    end ??= { how: "lost", error: connectError(server, error) };
  });
  socket.on("close", () => {
    silence.cancel();
    signal.removeEventListener("abort", stop);
    const lost = new KeyHelperError("SERVER_UNREACHABLE", `the connection to ${server} is over`);
    const result = end ?? { how: "lost", error: lost };
    // What was announced before the end is written before the end is.
    news.then(() => {
      resolve(result);
    }, reject);
  });
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
}

function open({ server, ca }: ConnectionOptions): WebSocket {
  const url = new URL(KEY_HELPER_PATH, server);
  url.protocol = "wss:";
  return new WebSocket(url, {
    ...(ca === undefined ? {} : { ca }),
    // Said here so that an environment variable cannot say otherwise.
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxPayload: MAX_WEBSOCKET_FRAME_BYTES,
    maxFragments: MAX_WEBSOCKET_FRAGMENTS,
    perMessageDeflate: false,
  });
}

function answerChallenge(options: ConnectionOptions, nonce: string): string {
  const { user, token, publicKey, deviceKey } = options;
  // As dialled, lower case, without the default port: what a relay in between could not have.
  const server = new URL(options.server).host;
  const proof = keyHelperProof({ nonce, server, user, token, publicKey });
  return encodeKeyHelperMessage({
    type: "hello",
    version: KEY_HELPER_VERSION,
    user,
    token,
    server,
    devicePublicKey: formatPublicKeyLine(publicKeyOf(deviceKey)),
    signature: signData(deviceKey, proof, "ssh-ed25519").toString("base64"),
    publicKey: formatPublicKeyLine(publicKey),
  });
}

/** Undefined for a message of a kind that this program does not know: a newer proxy's. */
function readMessage(data: Buffer, isBinary: boolean): KeyHelperServerMessage | KeyHelperError | undefined {
  try {
    if (!isBinary) return parseKeyHelperServerMessage(data.toString("utf8"));
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    return new KeyHelperError("SERVER_PROTOCOL", `the server sent something odd: ${cause.message}`, {
      cause,
    });
  }
  return new KeyHelperError("SERVER_PROTOCOL", "the server sent something that is no text");
}

/** Pings, and drops the connection when nothing was heard for too long. */
function watchSilence(socket: WebSocket, clock: Clock): Timer {
  let heard = clock.monotonic();
  for (const event of ["open", "message", "ping", "pong"]) {
    socket.on(event, () => {
      heard = clock.monotonic();
    });
  }
  let timer = clock.setTimer(PING_MS, look);
  function look(): void {
    if (clock.monotonic() - heard > DEAD_AFTER_MS) {
      socket.terminate();
      return;
    }
    if (socket.readyState === socket.OPEN) socket.ping();
    timer = clock.setTimer(PING_MS, look);
  }
  return {
    cancel() {
      timer.cancel();
    },
  };
}

/** Which of the many errors of node and ws is whose business. */
export function connectError(server: string, cause: unknown): KeyHelperError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (/^EPROTO$|^ERR_SSL/.test(code)) {
    return new KeyHelperError("SERVER_NOT_PROXY", `${server} does not speak TLS there`, { cause });
  }
  if (/CERT|SIGNED|SIGNATURE|ISSUER|ALTNAME|CRL/.test(code)) {
    const known = /EXPIRED|NOT_YET_VALID|ALTNAME|REVOKED/.test(code);
    const kind = known ? "SERVER_CERTIFICATE_WRONG" : "SERVER_CERTIFICATE_UNKNOWN";
    return new KeyHelperError(kind, `cannot trust ${server}: ${systemReason(cause)}`, { cause });
  }
  const text = cause instanceof Error ? cause.message : "";
  const status = /^Unexpected server response: (\d+)$/.exec(text)?.[1];
  if (status !== undefined) return upgradeError(server, Number(status), cause);
  const reason = text === "Opening handshake has timed out" ? "no answer in time" : systemReason(cause);
  return new KeyHelperError("SERVER_UNREACHABLE", `cannot reach ${server}: ${reason}`, { cause });
}

/** The server answered, but not by becoming a WebSocket. */
function upgradeError(server: string, status: number, cause: unknown): KeyHelperError {
  const later = status === 429 || status >= 500;
  const what = later ? "is not ready" : "is no proxy of ours";
  const message = `${server} ${what}: it answers with status ${status}`;
  return new KeyHelperError(later ? "SERVER_UNREACHABLE" : "SERVER_NOT_PROXY", message, { cause });
}
