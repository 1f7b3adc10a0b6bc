/**
 * The server's half of RFC 4252: asks the program about each request, counts
 * tries, and lets a peer in only on a request that carried a verified signature.
 *
 * One request is decided at a time; the identity comes from the very request
 * that was proven. A challenge (RFC 4256) can follow as a second factor.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { SshReader, SshWriter } from "@teleport-access/sshcert";

import { parseAuthRequest } from "./auth-request.ts";
import type { AuthRequest, ParsedRequest, ProofRefusal, PublicKeyRequest } from "./auth-request.ts";
import { SshError } from "./errors.ts";
import { MAX_TEXT_BYTES, MIN_REFUSAL_MS } from "./limits.ts";
import { DISCONNECT, MSG } from "./messages.ts";
import type { Transport } from "./transport.ts";

/** Questions asked after the key was proven, e.g. for a one-time code. */
export interface AuthChallenge {
  readonly instruction: string;
  readonly prompts: readonly { readonly text: string; readonly echo: boolean }[];
  /** Judges the answers, one per prompt and none empty. Only `true` lets the peer in; what else there is to say of them the program says. */
  answer(responses: readonly string[]): boolean | Promise<boolean>;
}

/** The program's answer. A challenge counts only on a proven request, as an identity does. */
export type AuthVerdict<I> =
  | { readonly accept: true; readonly identity: I }
  | { readonly accept: false }
  | { readonly accept: "challenge"; readonly identity: I; readonly challenge: AuthChallenge };

export type AuthRefusal =
  | ProofRefusal
  | "too-many-tries"
  /** The answers were not one per prompt, or one of them was empty: nobody was asked whether they are right. */
  | "challenge-unanswered"
  /** Judging the answers failed. */
  | "challenge-failed";

export interface AuthServerOptions<I> {
  readonly transport: Transport;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly connection: string;
  readonly tries: number;
  readonly banner?: string | undefined;
  authenticate(request: AuthRequest): AuthVerdict<I> | Promise<AuthVerdict<I>>;
  accepted(identity: I, user: string): void;
  refused(reason: AuthRefusal, user: string): void;
  /** The key was proven and a challenge follows: somebody has to type. */
  challenged?(): void;
}

const SERVICE = "ssh-connection";
/** Probes that were answered "yes, sign" are no failures; this many requests in all are enough for anybody. */
const REQUESTS_PER_TRY = 4;
/** Requests a client may send before the first is answered. */
const MAX_PIPELINED = 8;

interface PendingChallenge<I> {
  readonly identity: I;
  readonly challenge: AuthChallenge;
  asked: boolean;
}

export class AuthServer<I> {
  readonly #options: AuthServerOptions<I>;
  readonly #waiting: Buffer[] = [];
  #user: string | undefined;
  #failures = 0;
  #requests = 0;
  /** When what is being decided came. */
  #askedAt = 0;
  #busy = false;
  #serviceAccepted = false;
  #challenge: PendingChallenge<I> | undefined;
  /** The peer is in: this object's work is done. */
  #done = false;

  constructor(options: AuthServerOptions<I>) {
    this.#options = options;
  }

  /** The last user name asked for, for the log. */
  get user(): string {
    return this.#user ?? "";
  }

  /** Handles a message before authentication. Anything but RFC 4252's own ends the connection. */
  receive(type: number, payload: Buffer): boolean {
    switch (type) {
      case MSG.SERVICE_REQUEST:
        this.#service(payload);
        return true;
      case MSG.USERAUTH_REQUEST:
        this.#queue(payload);
        return true;
      case MSG.USERAUTH_INFO_RESPONSE:
        this.#answered(payload);
        return true;
      default:
        // libssh CVE-2018-10933, and ssh2's own crash: a client never sends 51, 52, 53 or 60.
        throw new SshError("SSH_PROTOCOL", `message ${type} before authentication`);
    }
  }

  #service(payload: Buffer): void {
    const reader = new SshReader(payload.subarray(1));
    const name = reader.text(MAX_TEXT_BYTES);
    reader.end();
    if (name !== "ssh-userauth" || this.#serviceAccepted) {
      this.#options.transport.end("service not available", DISCONNECT.SERVICE_NOT_AVAILABLE);
      return;
    }
    this.#serviceAccepted = true;
    this.#send(new SshWriter().u8(MSG.SERVICE_ACCEPT).string(name));
    const { banner } = this.#options;
    if (banner !== undefined) this.#send(new SshWriter().u8(MSG.USERAUTH_BANNER).string(banner).string(""));
  }

  #queue(payload: Buffer): void {
    if (!this.#serviceAccepted) throw new SshError("SSH_PROTOCOL", "authentication before its service");
    // RFC 4252, section 5.1: requests after success are ignored.
    if (this.#done) return;
    if (!this.#busy) {
      this.#request(payload);
      return;
    }
    if (this.#waiting.length >= MAX_PIPELINED)
      throw new SshError("SSH_PROTOCOL", "too many requests at once");
    this.#waiting.push(Buffer.from(payload));
  }

  #request(payload: Buffer): void {
    this.#requests += 1;
    this.#askedAt = performance.now();
    const { transport, tries } = this.#options;
    if (this.#requests > tries * REQUESTS_PER_TRY) {
      this.#tooMany();
      return;
    }
    const request = parseAuthRequest(payload, () => transport.sessionId);
    if (request.service !== SERVICE || (this.#user ?? request.user) !== request.user) {
      // As sshd: "Change of username or service not allowed".
      transport.end("service not available", DISCONNECT.SERVICE_NOT_AVAILABLE);
      return;
    }
    this.#user = request.user;
    if (this.#challenge !== undefined && request.method === "keyboard-interactive")
      this.#ask(this.#challenge);
    else this.#decide(request);
  }

  #decide(request: ParsedRequest): void {
    const { publicKey } = request;
    // A new request gives up a challenge: both factors have to be of one attempt.
    this.#challenge = undefined;
    if (publicKey?.proof?.good === false) {
      this.#options.refused(publicKey.proof.reason, request.user);
      this.#fail(request.method);
      return;
    }
    this.#judge(this.#question(request), (verdict) => {
      this.#answer(request, publicKey, verdict);
    });
  }

  #question({ user, method, publicKey }: ParsedRequest): AuthRequest {
    const { remoteAddress, remotePort, connection } = this.#options;
    const proof = publicKey?.proof;
    const base = { user, remoteAddress, remotePort, connection, method, proven: proof?.good === true };
    if (publicKey === undefined) return base;
    const { key } = publicKey;
    if (proof?.good !== true || proof.securityKey === undefined) return { ...base, key };
    return { ...base, key, securityKey: proof.securityKey };
  }

  /** Asks the program; a decision that fails is a refusal. */
  #judge(question: AuthRequest, then: (verdict: AuthVerdict<I>) => void): void {
    this.#await(() => this.#options.authenticate(question), then, { accept: false });
  }

  /** Runs a step that may be asynchronous, one at a time, and goes on with its result. */
  #await<T>(step: () => T | Promise<T>, then: (result: T) => void, otherwise: T): void {
    let result: T | Promise<T>;
    try {
      result = step();
    } catch {
      result = otherwise;
    }
    if (!(result instanceof Promise)) {
      then(result);
      return;
    }
    this.#busy = true;
    void result
      .catch(() => otherwise)
      .then((settled) => {
        this.#busy = false;
        this.#resume(() => {
          then(settled);
        });
      });
  }

  /** Outside the transport's own error handling: whatever goes wrong ends this connection, never the process. */
  #resume(step: () => void): void {
    const { transport } = this.#options;
    if (transport.finished) return;
    try {
      step();
      this.#nextWaiting();
    } catch (error) {
      transport.fail(new SshError("SSH_PROTOCOL", "authentication request failed", error));
    }
  }

  #nextWaiting(): void {
    while (!this.#busy && !this.#done && !this.#options.transport.finished) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#request(next);
    }
  }

  #answer(request: ParsedRequest, publicKey: PublicKeyRequest | undefined, verdict: AuthVerdict<I>): void {
    if (publicKey === undefined || verdict.accept === false || publicKey.key.kind === "unsupported") {
      this.#fail(request.method);
    } else if (publicKey.proof?.good !== true) {
      const { algorithm } = publicKey.key;
      this.#send(new SshWriter().u8(MSG.USERAUTH_60).string(algorithm).string(publicKey.blob));
    } else if (verdict.accept === "challenge") {
      this.#challenge = { identity: verdict.identity, challenge: verdict.challenge, asked: false };
      this.#options.challenged?.();
      this.#sendFailure("keyboard-interactive", true);
    } else {
      this.#succeed(verdict.identity);
    }
  }

  #ask(pending: PendingChallenge<I>): void {
    const { instruction, prompts } = pending.challenge;
    pending.asked = true;
    const info = new SshWriter()
      .u8(MSG.USERAUTH_60)
      .string("")
      .string(instruction)
      .string("")
      .u32(prompts.length);
    for (const { text, echo } of prompts) info.string(text).u8(echo ? 1 : 0);
    this.#send(info);
  }

  #answered(payload: Buffer): void {
    const pending = this.#challenge;
    if (this.#done) return;
    if (pending?.asked !== true) throw new SshError("SSH_PROTOCOL", "answer to no question");
    pending.asked = false;
    this.#askedAt = performance.now();
    const responses = parseResponses(payload, pending.challenge.prompts.length);
    if (responses === undefined) {
      this.#challengeRefused("challenge-unanswered");
      return;
    }
    this.#await<boolean | "threw">(
      () => pending.challenge.answer(responses),
      (right) => {
        if (right === true) this.#succeed(pending.identity);
        else this.#challengeRefused(right === "threw" ? "challenge-failed" : undefined);
      },
      "threw",
    );
  }

  #challengeRefused(reason: AuthRefusal | undefined): void {
    if (reason !== undefined) this.#options.refused(reason, this.user);
    this.#refuse("keyboard-interactive");
  }

  #succeed(identity: I): void {
    this.#done = true;
    this.#challenge = undefined;
    this.#waiting.length = 0;
    this.#send(new SshWriter().u8(MSG.USERAUTH_SUCCESS));
    this.#options.accepted(identity, this.user);
  }

  #fail(method: ParsedRequest["method"]): void {
    // Every client asks with "none" first, to learn the methods; sshd does not count that either.
    if (method === "none" && this.#requests === 1) this.#sendFailure("publickey", false);
    else this.#refuse("publickey");
  }

  /** Every refusal looks and takes the same, whatever was wrong. The last one ends the connection. */
  #refuse(methods: string): void {
    this.#failures += 1;
    const answer = (): void => {
      if (this.#failures >= this.#options.tries) this.#tooMany();
      else this.#sendFailure(methods, false);
    };
    this.#await(() => untilMinimum(this.#askedAt), answer, undefined);
  }

  #tooMany(): void {
    this.#options.refused("too-many-tries", this.user);
    this.#options.transport.end("Too many authentication failures", DISCONNECT.NO_MORE_AUTH_METHODS);
  }

  #sendFailure(methods: string, partial: boolean): void {
    this.#send(
      new SshWriter()
        .u8(MSG.USERAUTH_FAILURE)
        .string(methods)
        .u8(partial ? 1 : 0),
    );
  }

  #send(message: SshWriter): void {
    this.#options.transport.send(message.done());
  }
}

/** A timer counts from the start of the event loop's turn, so one may end early: asked again. */
async function untilMinimum(since: number): Promise<void> {
  for (;;) {
    const left = since + MIN_REFUSAL_MS - performance.now();
    if (left <= 0) return;
    await sleep(Math.ceil(left));
  }
}

/** The answers, or undefined when they are not one per prompt. An empty answer is never right. */
function parseResponses(payload: Buffer, expected: number): string[] | undefined {
  const reader = new SshReader(payload.subarray(1));
  const count = reader.u32();
  if (count !== expected) return undefined;
  const responses: string[] = [];
  for (let i = 0; i < count; i += 1) responses.push(reader.text(MAX_TEXT_BYTES));
  reader.end();
  return responses.includes("") ? undefined : responses;
}
