/**
 * Relays a session: what a person's client wants to run is started on another
 * connection's session channel, and from then on the two are one. Data, error
 * output, EOF and how it exited keep their order; sizes and signals go through.
 *
 * What may be started is the caller's decision, made before it gets here.
 */
import { SshFormatError, SshReader, SshWriter } from "@teleport-access/sshcert";

import type { Channel } from "./channel.ts";
import { streamOf } from "./channel-stream.ts";
import type { SshChannel } from "./channel-stream.ts";
import { encodeWindow, startRequest } from "./client-session.ts";
import { MAX_NAME_BYTES, MAX_TEXT_BYTES } from "./limits.ts";
import { STDERR } from "./messages.ts";
import { attach, channelSide, Ends, Relay } from "./relay.ts";
import type { PtyRequest, SessionStart, SshSession } from "./session.ts";
import { endOf, statusOf } from "./splice.ts";
import type { Splice } from "./splice.ts";

/** What to ask of the far side, in this order. */
export interface SessionPlan {
  readonly agentForwarding: boolean;
  readonly environment: Readonly<Record<string, string>>;
  readonly pty?: PtyRequest;
  readonly start: SessionStart;
}

/** A running session. "In" is from the person to the far side. */
export interface SessionRelay extends Splice {
  /** Cuts both sides now, with a last word on the person's error output. */
  cut(text: string): void;
}

export interface SessionRelayOptions {
  readonly plan: SessionPlan;
  /** The last word when the far side's connection is gone, behind all that it had said. */
  readonly lost: () => string;
  /** What the far side answers; false, too, when it closes without an answer. */
  readonly ptyAnswered: (accepted: boolean) => void;
  /** The same, but true when its connection is gone: to somebody who was refused the last word is not shown. */
  readonly startAnswered: (accepted: boolean) => void;
}

/** What a program's end is told by, and OpenSSH's "nobody reads any more". */
const FAR_REQUESTS: readonly string[] = ["exit-status", "exit-signal", "eow@openssh.com"];

/** Starts the plan on `far`, a fresh channel of type "session", and relays. Nobody else may use the two any more. */
export function relaySession(near: SshSession, far: SshChannel, options: SessionRelayOptions): SessionRelay {
  const [nearStream, farStream] = [streamOf(near.channel), streamOf(far)];
  const { channel: person } = nearStream;
  const { channel: target } = farStream;
  const inbound = new Relay(channelSide(person), channelSide(target));
  const outbound = new Relay(channelSide(target), channelSide(person));
  const ends = new Ends();
  function abort(): void {
    inbound.drop();
    outbound.drop();
    person.sendClose();
    target.sendClose();
    ends.allOver();
  }
  function cut(text: string): void {
    // As much as fits: nobody waits for somebody whose access has ended.
    if (!outbound.waiting) person.send(Buffer.from(text), STDERR);
    abort();
  }
  function lose(): void {
    inbound.drop();
    // At the person's pace: what they do not read is theirs to end.
    if (!outbound.done) outbound.data(Buffer.from(options.lost()), STDERR);
    outbound.close();
  }
  carrySizesAndSignals(near, target);
  farStream.onRequest = (name, data) => {
    if (!FAR_REQUESTS.includes(name) || !isWellFormed(name, data)) return false;
    const copy = Buffer.from(data);
    outbound.say(() => {
      person.sendRequest(name, copy);
    });
    return true;
  };
  sendPlan(target, options);
  attach(near.channel, {
    ...{ outward: inbound, inward: outbound, session: "near" },
    ...endOf("first", ends, abort),
  });
  attach(far, {
    ...{ outward: outbound, inward: inbound, session: "far" },
    carries: (extended) => extended === STDERR,
    ...endOf("second", ends, lose),
  });
  return { bytesIn: () => inbound.bytes, bytesOut: () => outbound.bytes, ...statusOf(ends), abort, cut };
}

/** Whether a client can read it: stock ssh ends everything that it shares with the proxy over one that it cannot. */
function isWellFormed(name: string, data: Buffer): boolean {
  if (name === "exit-status") return data.length === 4;
  return name !== "exit-signal" || isExitSignal(data);
}

/** RFC 4254, section 6.10. */
function isExitSignal(data: Buffer): boolean {
  try {
    const reader = new SshReader(data);
    reader.string(MAX_NAME_BYTES);
    reader.u8();
    reader.string(MAX_TEXT_BYTES);
    reader.string(MAX_NAME_BYTES);
    reader.end();
    return true;
  } catch (error) {
    if (error instanceof SshFormatError) return false;
    throw error;
  }
}

function carrySizesAndSignals(near: SshSession, target: Channel): void {
  near.onWindowChange((size) => {
    target.sendRequest("window-change", encodeWindow(new SshWriter(), size).done());
  });
  near.onSignal((name) => {
    target.sendRequest("signal", new SshWriter().string(name).done());
  });
}

/** All at once: each answer that is waited for would cost a round trip. */
function sendPlan(target: Channel, { plan, ptyAnswered, startAnswered }: SessionRelayOptions): void {
  if (plan.agentForwarding) target.sendRequest("auth-agent-req@openssh.com", Buffer.alloc(0));
  for (const [name, value] of Object.entries(plan.environment)) {
    target.sendRequest("env", new SshWriter().string(name).string(value).done());
  }
  const { pty } = plan;
  if (pty !== undefined) {
    const data = encodeWindow(new SshWriter().string(pty.terminal), pty).string(pty.modes).done();
    target.sendRequest("pty-req", data, ptyAnswered);
  }
  const [name, data] = startRequest(plan.start);
  target.sendRequest(name, data, (accepted) => {
    startAnswered(accepted || target.wasCut);
  });
}
