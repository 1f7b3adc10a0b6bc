/**
 * The forward form: `ssh -A login@host.cluster@proxy`. The proxy is the SSH server here and the SSH client at the
 * target, so it sees the login and every request, and holds them to the grants one by one.
 */
import { onDirectStreamlocal } from "@teleport-access/ssh";
import type { SshConnection } from "@teleport-access/ssh";
import type { UserIdentity } from "../authenticate.ts";
import { handleJump } from "../jump.ts";
import type { JumpDeps } from "../jump.ts";
import { ForwardContext } from "./context.ts";
import { forwardPort } from "./port.ts";
import { sentenceOf } from "./refusal.ts";
import { serveSession } from "./session.ts";
import { TargetLink } from "./target-link.ts";
import type { TargetName } from "./target-name.ts";

/** Global requests of `ssh -R`. */
const REMOTE_FORWARDING: readonly string[] = ["tcpip-forward", "streamlocal-forward@openssh.com"];

/** Serves a connection whose user name names a target. */
export function serveForward(
  connection: SshConnection<UserIdentity>,
  target: TargetName,
  deps: JumpDeps,
): void {
  const context = new ForwardContext(connection, target, deps);
  const link = new TargetLink(context);
  const notices = new Set<string>();
  connection.onGlobalRequest((name) => {
    if (!REMOTE_FORWARDING.includes(name)) return;
    context.denied("channel.request", "remote-forwarding-not-offered", { detail: { request: name } });
    notices.add(sentenceOf("remote-forwarding-not-offered", target));
  });
  connection.onSession((asked) => {
    serveSession(asked.accept(), { context, link, takeNotices: () => takeAll(notices) });
  });
  // An account of the person's own machine may be called user@domain: that names no cluster of ours.
  function isJump(): boolean {
    return deps.store.cluster(target.cluster) === undefined;
  }
  connection.onDirectTcpip((channel) => {
    if (isJump()) void handleJump(channel, connection, deps);
    else void forwardPort(channel, context, link);
  });
  onDirectStreamlocal(connection, (channel) => {
    if (isJump()) channel.turnAway("channel-type-not-offered", "there are no sockets at the proxy");
    else void forwardPort(channel, context, link);
  });
  connection.onClose(() => {
    link.end();
  });
  link.prepare();
}

function takeAll(notices: Set<string>): readonly string[] {
  const taken = [...notices];
  notices.clear();
  return taken;
}
