/**
 * Agent forwarding onward: a program at the target asks the person's agent, through the proxy. Each question is a
 * channel of its own, allowed anew, and cut when AgentForwarding is taken away. What may be asked: agent-messages.ts.
 */
import type { IncomingChannel, SshChannel, SshClientConnection } from "@teleport-access/ssh";
import { AGENT_CHANNEL } from "./agent-login.ts";
import type { Traffic } from "../../sessions/registry.ts";
import { relayAgent } from "./agent-relay.ts";
import type { AgentRelay } from "./agent-relay.ts";
import type { Allowed, ForwardContext } from "./context.ts";
import { failureOf } from "./refusal.ts";

/** Answers the target's agent channels; `forwarded` says whether it was ever told that there is an agent. */
export function serveOnwardAgent(
  target: SshClientConnection,
  context: ForwardContext,
  forwarded: () => boolean,
): void {
  target.onChannel(AGENT_CHANNEL, (channel) => {
    const decision = context.decide({ permission: "AgentForwarding" });
    if (decision.allowed && forwarded()) {
      void carry(channel, context, decision);
      return;
    }
    const reason = decision.allowed ? "agent-not-forwarded" : decision.reason;
    context.denied("channel.open", reason, { detail: { request: AGENT_CHANNEL } });
    channel.refuse("prohibited", "access denied");
  });
}

async function carry(channel: IncomingChannel, context: ForwardContext, allowed: Allowed): Promise<void> {
  let relay: AgentRelay | undefined;
  let agent: SshChannel | undefined;
  function traffic(): Traffic {
    return { bytesIn: agent?.bytesReceived ?? 0, bytesOut: agent?.bytesSent ?? 0 };
  }
  const entry = context.open("forward", allowed, {
    traffic,
    cut: () => {
      if (relay === undefined) channel.refuse("prohibited", "access ended");
      else relay.abort();
    },
  });
  try {
    agent = await context.connection.openChannel(AGENT_CHANNEL, Buffer.alloc(0));
    if (!entry.live) {
      agent.destroy();
      return;
    }
    relay = relayAgent(channel.accept(), agent, (type) => {
      const request = `${AGENT_CHANNEL} message ${type}`;
      context.denied("channel.request", "agent-message-refused", { session: entry.id, detail: { request } });
    });
    context.allowed("channel.open", allowed.grants, {
      session: entry.id,
      detail: { request: AGENT_CHANNEL },
    });
    await relay.closed;
    entry.end("target-closed", traffic());
  } catch (error) {
    if (entry.live) {
      context.denied("channel.open", failureOf(error).reason, { detail: { request: AGENT_CHANNEL } });
      channel.refuse("connect-failed", "the person's agent cannot be reached");
    }
    entry.end("failed");
  }
}
