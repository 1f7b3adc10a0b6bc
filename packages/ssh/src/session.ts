/**
 * A session channel on a server (RFC 4254, section 6): what a peer wants to run,
 * with which terminal and environment, and how it ended.
 *
 * Each request is refused unless somebody asked for its kind.
 */
import type { Writable } from "node:stream";

import { SshReader, SshWriter } from "@teleport-access/sshcert";

import type { Answer } from "./channel.ts";
import { stderrOf, streamOf } from "./channel-stream.ts";
import type { ChannelStream, SshChannel } from "./channel-stream.ts";
import type { SshPeer } from "./connection.ts";
import type { OpenRefusal } from "./errors.ts";
import { MAX_COMMAND_BYTES, MAX_ENVIRONMENT, MAX_NAME_BYTES, MAX_TEXT_BYTES } from "./limits.ts";
import { STDERR } from "./messages.ts";

/** A session a peer wants to open. */
export interface SessionRequest {
  accept(): SshSession;
  refuse(reason: OpenRefusal, message: string): void;
}

/** Registers who answers session channels. */
export function onSession(peer: SshPeer, handler: (request: SessionRequest) => void): void {
  peer.onChannel("session", (channel) => {
    handler({
      accept: () => createSession(streamOf(channel.accept())),
      refuse: (reason, message) => {
        channel.refuse(reason, message);
      },
    });
  });
}

export interface WindowSize {
  readonly columns: number;
  readonly rows: number;
  readonly widthPixels: number;
  readonly heightPixels: number;
}

export interface PtyRequest extends WindowSize {
  readonly terminal: string;
  /** Encoded terminal modes (RFC 4254, section 8), as sent. */
  readonly modes: Buffer;
}

export type SessionStart =
  | { readonly kind: "shell" }
  | { readonly kind: "exec"; readonly command: string }
  | { readonly kind: "subsystem"; readonly name: string };

/**
 * A session that the server accepted. Handlers return whether the request is granted; only the start may be
 * answered later, since some clients wait for each answer before they ask for more.
 */
export interface SshSession {
  /** Standard input and output. */
  readonly channel: SshChannel;
  readonly stderr: Writable;
  /** A line for error output, beside everything else: what does not leave at once is lost. */
  tell(text: string): void;
  /** Granted at most once per session. */
  onStart(handler: (start: SessionStart) => Answer): void;
  onPty(handler: (pty: PtyRequest) => boolean): void;
  onEnvironment(handler: (name: string, value: string) => boolean): void;
  onWindowChange(handler: (size: WindowSize) => void): void;
  onSignal(handler: (name: string) => void): void;
  onAgentForwarding(handler: () => boolean): void;
  /** Told of a request that is refused because nobody here knows it, e.g. "x11-req". */
  onUnknown(handler: (name: string) => void): void;
  /** Reports the exit status, then closes after what was written. */
  exit(status: number): void;
  /** Reports death by a signal, then closes after what was written. `name` without "SIG". */
  exitSignal(name: string, message: string): void;
}

interface Handlers {
  start?: (start: SessionStart) => Answer;
  pty?: (pty: PtyRequest) => boolean;
  environment?: (name: string, value: string) => boolean;
  windowChange?: (size: WindowSize) => void;
  signal?: (name: string) => void;
  agentForwarding?: () => boolean;
  unknown?: (name: string) => void;
}

class Session implements SshSession {
  readonly channel: SshChannel;
  readonly #stream: ChannelStream;
  readonly #handlers: Handlers = {};
  #stderr: Writable | undefined;
  #started = false;
  #environment = 0;

  constructor(stream: ChannelStream) {
    this.#stream = stream;
    this.channel = stream;
    stream.onRequest = (name, data) => this.#request(name, data);
  }

  get stderr(): Writable {
    this.#stderr ??= stderrOf(this.#stream);
    return this.#stderr;
  }

  tell(text: string): void {
    this.#stream.channel.send(Buffer.from(text), STDERR);
  }

  onStart(handler: (start: SessionStart) => Answer): void {
    this.#handlers.start = handler;
  }

  onPty(handler: (pty: PtyRequest) => boolean): void {
    this.#handlers.pty = handler;
  }

  onEnvironment(handler: (name: string, value: string) => boolean): void {
    this.#handlers.environment = handler;
  }

  onWindowChange(handler: (size: WindowSize) => void): void {
    this.#handlers.windowChange = handler;
  }

  onSignal(handler: (name: string) => void): void {
    this.#handlers.signal = handler;
  }

  onAgentForwarding(handler: () => boolean): void {
    this.#handlers.agentForwarding = handler;
  }

  onUnknown(handler: (name: string) => void): void {
    this.#handlers.unknown = handler;
  }

  /** A malformed request throws, which ends the connection. */
  #request(name: string, data: Buffer): Answer {
    const reader = new SshReader(data);
    switch (name) {
      case "shell":
        return this.#start({ kind: "shell" });
      case "exec":
        return this.#start({ kind: "exec", command: reader.text(MAX_COMMAND_BYTES) });
      case "subsystem":
        return this.#start({ kind: "subsystem", name: reader.text(MAX_NAME_BYTES) });
      case "pty-req":
        return this.#handlers.pty?.(readPty(reader)) ?? false;
      case "env":
        return this.#env(reader.text(MAX_NAME_BYTES), reader.text(MAX_TEXT_BYTES));
      default:
        return this.#notice(name, reader);
    }
  }

  #notice(name: string, reader: SshReader): boolean {
    switch (name) {
      case "window-change":
        this.#handlers.windowChange?.(readWindow(reader));
        return true;
      case "signal":
        this.#handlers.signal?.(reader.text(MAX_NAME_BYTES));
        return true;
      case "auth-agent-req@openssh.com":
        return this.#handlers.agentForwarding?.() ?? false;
      default:
        this.#handlers.unknown?.(name);
        return false;
    }
  }

  #start(start: SessionStart): Answer {
    // RFC 4254, section 6.5: only one of these requests can succeed per channel.
    if (this.#started) return false;
    const answer = this.#handlers.start?.(start) ?? false;
    this.#started = answer !== false;
    return answer;
  }

  #env(name: string, value: string): boolean {
    this.#environment += 1;
    return this.#environment <= MAX_ENVIRONMENT && (this.#handlers.environment?.(name, value) ?? false);
  }

  exit(status: number): void {
    this.#finish("exit-status", new SshWriter().u32(status).done());
  }

  exitSignal(name: string, message: string): void {
    const data = new SshWriter().string(name).u8(0).string(message).string("");
    this.#finish("exit-signal", data.done());
  }

  #finish(request: string, data: Buffer): void {
    // In order: what was written, the status, EOF and CLOSE.
    this.#stream.queue(Buffer.alloc(0), 0, () => {
      this.#stream.channel.sendRequest(request, data);
      this.#stream.close();
    });
  }
}

function readWindow(reader: SshReader): WindowSize {
  return {
    columns: reader.u32(),
    rows: reader.u32(),
    widthPixels: reader.u32(),
    heightPixels: reader.u32(),
  };
}

function readPty(reader: SshReader): PtyRequest {
  const terminal = reader.text(MAX_NAME_BYTES);
  return { terminal, ...readWindow(reader), modes: Buffer.from(reader.string(MAX_TEXT_BYTES)) };
}

/** Makes a session of an accepted channel of type "session". */
export function createSession(stream: ChannelStream): SshSession {
  return new Session(stream);
}

/** What a session prints before it ends. */
export interface SessionReply {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly status: number;
}

/** For a server that only has something to say: whatever is started prints `text` and exits with `status`. */
export function replyAndExit(session: SshSession, text: string, status: number): void {
  answerAndExit(session, () => ({ stdout: text, status }));
}

/** The same with an answer that depends on what is started; undefined refuses to start it. */
export function answerAndExit(
  session: SshSession,
  answer: (start: SessionStart) => SessionReply | undefined,
): void {
  let pty = false;
  session.onPty(() => {
    pty = true;
    return true;
  });
  session.onEnvironment(() => true);
  session.onStart((start) => {
    const reply = answer(start);
    if (reply === undefined) return false;
    const { stdout = "", stderr = "", status } = reply;
    // The success reply has to come first; a terminal in raw mode needs the carriage return.
    setImmediate(() => {
      const [out, err] = [stdout, stderr].map((text) => (pty ? text.replaceAll(/\r?\n/g, "\r\n") : text));
      if (out !== "") session.channel.write(out);
      if (err !== "") session.stderr.write(err);
      session.exit(status);
    });
    return true;
  });
}
