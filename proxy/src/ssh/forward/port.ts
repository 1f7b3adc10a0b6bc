/**
 * `-L` and `-D` in the forward form: a channel to some address is opened by the target's sshd, as if the person's
 * client had asked it directly. What may be reached from there is the target's own configuration.
 */
import { encodeDirectTcpip, spliceChannels } from "@teleport-access/ssh";
import type { DirectTcpipRequest, Splice } from "@teleport-access/ssh";
import type { OpenSession, Traffic } from "../../sessions/registry.ts";
import type { Allowed, ForwardContext } from "./context.ts";
import { failureOf, sentenceOf } from "./refusal.ts";
import type { ForwardRefusal } from "./refusal.ts";
import type { TargetLink } from "./target-link.ts";

const DETAIL = { form: "forward", request: "direct-tcpip" };

/** Carries one direct-tcpip channel, or refuses it. Never rejects. */
export async function forwardPort(
  channel: DirectTcpipRequest,
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

async function carry(channel: DirectTcpipRequest, { context, link, allowed }: Carrying): Promise<void> {
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
    const far = await target.openChannel("direct-tcpip", encodeDirectTcpip(channel));
    if (!entry.live) {
      far.destroy();
      return;
    }
    splice = spliceChannels(channel.accept(), far);
    context.allowed("channel.open", allowed.grants, { session: entry.id, detail: DETAIL });
    await splice.closed;
    entry.end(splice.endedBy() === "second" ? "target-closed" : "client-closed", traffic());
  } catch (error) {
    if (entry.live) refuse(channel, context, failureOf(error).reason, entry);
    entry.end("failed");
  }
}

function refuse(
  channel: DirectTcpipRequest,
  context: ForwardContext,
  ...[reason, entry]: [ForwardRefusal, OpenSession?]
): void {
  const session = entry === undefined ? {} : { session: entry.id };
  context.denied("channel.open", reason, { ...session, detail: DETAIL });
  channel.refuse("prohibited", sentenceOf(reason, context.target, "PortForwarding"));
}
