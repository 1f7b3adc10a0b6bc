/**
 * `-L` and `-D` in the forward form: a channel to some address or Unix socket is opened by the target's sshd, as if
 * the person's client had asked it directly. What may be reached from there is the target's own configuration.
 */
import {
  DIRECT_STREAMLOCAL,
  encodeDirectStreamlocal,
  encodeDirectTcpip,
  spliceChannels,
} from "@teleport-access/ssh";
import type { DirectStreamlocalRequest, DirectTcpipRequest, Splice } from "@teleport-access/ssh";
import type { OpenSession, Traffic } from "../../sessions/registry.ts";
import type { Allowed, ForwardContext } from "./context.ts";
import { failureOf, sentenceOf } from "./refusal.ts";
import type { ForwardRefusal } from "./refusal.ts";
import type { TargetLink } from "./target-link.ts";

/** What a client wants to reach from the target. */
export type OnwardRequest = DirectTcpipRequest | DirectStreamlocalRequest;

/** Carries one such channel, or refuses it. Never rejects. */
export async function forwardPort(
  channel: OnwardRequest,
  context: ForwardContext,
  link: TargetLink,
): Promise<void> {
  const decision = context.decide({ permission: "PortForwarding" });
  if (!decision.allowed) refuse(channel, context, decision.reason);
  else if (context.full) refuse(channel, context, "too-many-sessions");
  else await carry(channel, { context, link, allowed: decision });
}

interface Carrying {
  readonly context: ForwardContext;
  readonly link: TargetLink;
  readonly allowed: Allowed;
}

async function carry(channel: OnwardRequest, { context, link, allowed }: Carrying): Promise<void> {
  let splice: Splice | undefined;
  function traffic(): Traffic {
    return { bytesIn: splice?.bytesIn() ?? 0, bytesOut: splice?.bytesOut() ?? 0 };
  }
  const entry = context.open("forward", allowed, {
    traffic,
    cut: () => {
      if (splice === undefined) channel.refuse("prohibited", "access ended");
      else splice.abort();
    },
  });
  try {
    const target = await link.connect();
    const far = await target.openChannel(typeOf(channel), payloadOf(channel));
    if (!entry.live) {
      far.destroy();
      return;
    }
    splice = spliceChannels(channel.accept(), far);
    context.allowed("channel.open", allowed.grants, { session: entry.id, detail: detailOf(channel) });
    await splice.closed;
    entry.end(splice.endedBy() === "second" ? "target-closed" : "client-closed", traffic());
  } catch (error) {
    if (entry.live) refuse(channel, context, failureOf(error).reason, entry);
    entry.end("failed");
  }
}

function refuse(
  channel: OnwardRequest,
  context: ForwardContext,
  ...[reason, entry]: [ForwardRefusal, OpenSession?]
): void {
  const session = entry === undefined ? {} : { session: entry.id };
  context.denied("channel.open", reason, { ...session, detail: detailOf(channel) });
  channel.refuse("prohibited", sentenceOf(reason, context.target, "PortForwarding"));
}

function typeOf(channel: OnwardRequest): string {
  return "path" in channel ? DIRECT_STREAMLOCAL : "direct-tcpip";
}

/** Written anew: nothing that we did not read goes on to the target. */
function payloadOf(channel: OnwardRequest): Buffer {
  return "path" in channel ? encodeDirectStreamlocal(channel.path) : encodeDirectTcpip(channel);
}

function detailOf(channel: OnwardRequest): { readonly form: string; readonly request: string } {
  return { form: "forward", request: typeOf(channel) };
}
