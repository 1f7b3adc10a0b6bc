/** A session as its client sees it (RFC 4254, section 6): start something, feed it, learn how it ended. */
import { Readable } from "node:stream";

import { SshReader, SshWriter } from "@teleport-access/sshcert";

import { streamOf } from "./channel-stream.ts";
import type { ChannelStream, SshChannel } from "./channel-stream.ts";
import type { SshPeer } from "./connection.ts";
import { SshError } from "./errors.ts";
import { MAX_NAME_BYTES } from "./limits.ts";
import { STDERR } from "./messages.ts";
import type { PtyRequest, SessionStart, WindowSize } from "./session.ts";

export interface SessionOptions {
  /** A refused terminal fails the session: programs behave differently without one. */
  readonly pty?: PtyRequest;
  /** Refused variables are left out, as with stock clients. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Lets the server open auth-agent channels, which `onChannel` has to answer. */
  readonly agentForwarding?: boolean;
}

/** How a session ended. Neither: the server closed it without a word. */
export interface SessionExit {
  readonly status?: number;
  /** Without "SIG". */
  readonly signal?: string;
}

export interface ClientSession {
  /** Standard input and output. */
  readonly channel: SshChannel;
  readonly stderr: Readable;
  /** Resolves when the channel is closed. Never rejects. */
  readonly exit: Promise<SessionExit>;
  resize(size: WindowSize): void;
  signal(name: string): void;
}

/** Opens a session on a connection and starts something in it. @throws SshError when any part is refused. */
export async function openSession(
  peer: SshPeer,
  start: SessionStart,
  options: SessionOptions,
): Promise<ClientSession> {
  const stream = streamOf(await peer.openChannel("session", Buffer.alloc(0)));
  const stderr = readStderr(stream);
  const exit = watchExit(stream);
  try {
    await prepare(stream, options);
    await request(stream, ...startRequest(start));
  } catch (error) {
    stream.destroy();
    throw error;
  }
  return {
    channel: stream,
    stderr,
    exit,
    resize: (size) => {
      stream.channel.sendRequest("window-change", encodeWindow(new SshWriter(), size).done());
    },
    signal: (name) => {
      stream.channel.sendRequest("signal", new SshWriter().string(name).done());
    },
  };
}

async function prepare(
  stream: ChannelStream,
  { pty, environment, agentForwarding }: SessionOptions,
): Promise<void> {
  if (agentForwarding === true) await request(stream, "auth-agent-req@openssh.com", Buffer.alloc(0));
  for (const [name, value] of Object.entries(environment ?? {})) {
    stream.channel.sendRequest("env", new SshWriter().string(name).string(value).done());
  }
  if (pty !== undefined) {
    const data = encodeWindow(new SshWriter().string(pty.terminal), pty);
    await request(stream, "pty-req", data.string(pty.modes).done());
  }
}

/** The channel request that starts something, and its data. */
export function startRequest(start: SessionStart): [string, Buffer] {
  switch (start.kind) {
    case "shell":
      return ["shell", Buffer.alloc(0)];
    case "exec":
      return ["exec", new SshWriter().string(start.command).done()];
    case "subsystem":
      return ["subsystem", new SshWriter().string(start.name).done()];
  }
}

/** The four numbers of a terminal's size. */
export function encodeWindow(writer: SshWriter, size: WindowSize): SshWriter {
  return writer.u32(size.columns).u32(size.rows).u32(size.widthPixels).u32(size.heightPixels);
}

function request(stream: ChannelStream, name: string, data: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.channel.sendRequest(name, data, (accepted) => {
      if (accepted) resolve();
      else reject(new SshError("SSH_REQUEST_REFUSED", `the server refused ${name}`));
    });
  });
}

function readStderr(stream: ChannelStream): Readable {
  let owed = 0;
  const stderr = new Readable({
    read() {
      if (owed > 0) stream.channel.consumed(owed);
      owed = 0;
    },
  });
  stderr.on("error", () => undefined);
  stream.onExtended = (chunk, type) => {
    // Unread error output holds the window, and with it the whole channel, as the peer's stderr would.
    if (type !== STDERR || stderr.push(chunk)) stream.channel.consumed(chunk.length);
    else owed += chunk.length;
  };
  return stderr;
}

function watchExit(stream: ChannelStream): Promise<SessionExit> {
  let exit: SessionExit = {};
  // Whoever has read and written to the end has closed, maybe before sshd has waited for the program.
  stream.hearsOut = true;
  stream.onRequest = (name, data) => {
    const reader = new SshReader(data);
    if (name === "exit-status") exit = { status: reader.u32() };
    else if (name === "exit-signal") exit = { signal: reader.text(MAX_NAME_BYTES) };
    else return false;
    return true;
  };
  return new Promise((resolve) => {
    stream.onOver = () => {
      resolve(exit);
    };
  });
}
