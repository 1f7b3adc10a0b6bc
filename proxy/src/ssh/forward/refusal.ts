/**
 * Every reason for which the forward form says no, and the sentence that the person reads. Reasons go to the
 * audit log; the sentences of access decisions say nothing about which grants there are.
 */
import { ACCESS_REFUSALS, textForPeople } from "@teleport-access/access";
import type { AccessRefusal, Permission } from "@teleport-access/access";
import { ChannelRefusedError, SshError } from "@teleport-access/ssh";
import { DIAL_ANSWERS, isDialRefusal } from "../dial-refusal.ts";
import type { DialRefusal } from "../dial-refusal.ts";
import { addressOf, hostNameOf } from "./target-name.ts";
import type { TargetName } from "./target-name.ts";

/** Why something was not done. */
export type ForwardRefusal =
  | AccessRefusal
  | DialRefusal
  | "too-many-sessions"
  /** No agent was forwarded, or the person's client does not let us reach it. */
  | "agent-not-forwarded"
  /** It holds no certificate of the user CA for this person and the key they came with. */
  | "agent-without-certificate"
  /** It answered wrongly, or did not sign. */
  | "agent-failed"
  /** A program at the target asked it for something else than its list and signatures. */
  | "agent-message-refused"
  /** The target showed no host certificate of its cluster's CA for its own name. */
  | "target-host-not-trusted"
  /** The target's sshd did not let the login in. */
  | "target-login-refused"
  /** The target answers, but not as an SSH server should. */
  | "target-protocol-error"
  | "target-lost"
  /** The target's sshd refused one more session, or what was to be started in it. */
  | "target-refused"
  | "target-without-terminal"
  | "x11-not-offered"
  | "remote-forwarding-not-offered";

/** Something could not be done for a person; carries its reason to the one place that says so. */
export class ForwardFailure extends Error {
  readonly reason: ForwardRefusal;

  constructor(reason: ForwardRefusal, cause?: unknown) {
    super(reason, cause === undefined ? undefined : { cause });
    this.name = "ForwardFailure";
    this.reason = reason;
  }
}

/** What an error of a channel at the target means. */
export function failureOf(error: unknown): ForwardFailure {
  if (error instanceof ForwardFailure) return error;
  if (error instanceof ChannelRefusedError) return new ForwardFailure("target-refused", error);
  const full = error instanceof SshError && error.code === "SSH_TOO_MANY_CHANNELS";
  return new ForwardFailure(full ? "too-many-sessions" : "target-lost", error);
}

/** What a person may have asked for. */
export type Asked = Permission | "terminal";

const ACTS: Readonly<Record<Asked, string>> = {
  terminal: "a terminal",
  Shell: "a shell",
  Exec: "a command",
  FileTransfer: "a file transfer",
  AgentForwarding: "agent forwarding",
  PortForwarding: "port forwarding",
  X11Forwarding: "X11 forwarding",
};

/** Reasons that are neither access decisions nor trouble on the way to the target. */
type OwnRefusal = Exclude<ForwardRefusal, AccessRefusal | DialRefusal>;

interface Names {
  /** `host.cluster`. */
  readonly name: string;
  /** `login@host.cluster`, with a port that is not 22. */
  readonly way: string;
  readonly target: TargetName;
}

const SENTENCES: Readonly<Record<OwnRefusal, (names: Names) => string>> = {
  "too-many-sessions": () => "Too many sessions are open.",
  "agent-not-forwarded": ({ name, way, target }) =>
    `Logging in to ${name} takes your SSH agent: add -A (ssh -A ${way}@proxy), or jump (ssh -J proxy ${target.login}@${name}).`,
  "agent-without-certificate": () =>
    "Your SSH agent holds no certificate of this proxy for the key you came with: ssh-add the key again (ssh-add -l lists what it holds).",
  "agent-failed": () => "Your SSH agent did not sign.",
  "agent-message-refused": () => "Programs at a target may only list and sign with your SSH agent.",
  "target-host-not-trusted": ({ name, target }) =>
    `${name} does not prove that it is ${name}: it shows no host certificate of cluster ${target.cluster} for that name.`,
  "target-login-refused": ({ name, target }) => `${name} does not let ${target.login} in.`,
  "target-protocol-error": ({ name }) => `${name} does not answer as an SSH server.`,
  "target-lost": ({ name }) => `The connection to ${name} was lost.`,
  "target-refused": ({ name }) => `${name} refused it.`,
  "target-without-terminal": ({ name }) => `${name} gives no terminal.`,
  "x11-not-offered": () => "X11 forwarding is not offered here.",
  "remote-forwarding-not-offered": () => "Remote forwarding (-R) is not offered here; ssh -J carries it.",
};

/** What the person reads, without a line end. `wanted` is what they asked for, where that is more than being let in. */
export function sentenceOf(reason: ForwardRefusal, target: TargetName, wanted?: Asked): string {
  const names = { name: hostNameOf(target), way: `${target.login}@${addressOf(target)}`, target };
  if (isDialRefusal(reason)) return `${names.name}: ${DIAL_ANSWERS[reason].text}.`;
  if (!isAccessRefusal(reason)) return SENTENCES[reason](names);
  const text = textForPeople(reason);
  return wanted === undefined ? `${text}.` : `${text}: ${ACTS[wanted]} on ${names.way}.`;
}

function isAccessRefusal(reason: ForwardRefusal): reason is AccessRefusal {
  return Object.hasOwn(ACCESS_REFUSALS, reason);
}

/** A line for error output. A terminal in raw mode needs the carriage return. */
export function lineOf(sentence: string, terminal: boolean): string {
  return `teleport-access: ${sentence}${terminal ? "\r\n" : "\n"}`;
}
