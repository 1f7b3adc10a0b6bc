/**
 * Keys are exchanged anew in the middle of transfers, on every hop and in both forms, by the proxy's own policy: its
 * limits are lowered here from gigabytes to one megabyte. What arrives is what was sent.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import type { RekeyPolicy } from "@teleport-access/ssh";
import { runProgram, strictSshOptions, until } from "@teleport-access/testkit";
import { MSG } from "../../packages/ssh/src/messages.ts";
import { message } from "../../packages/ssh/src/testing/raw-peer.ts";
import { startForwardWorld } from "./forward-world.ts";
import type { ForwardWorld } from "./forward-world.ts";
import { connectAgent, stayAlive } from "./hostile-peers.ts";
import { localOpenSsh } from "./proxy-world.ts";
import { startTargetSshd } from "./target-sshd.ts";

const MIB = 1024 * 1024;
const REKEY: RekeyPolicy = { everyMs: 1e9, bytes: MIB, packets: 1e9, checkEveryMs: 20 };
const SIZE = 32 * MIB;
/** One would do to show that the policy is followed; the proxy looks every 20 ms. */
const LEAST = 2;

let forward: ForwardWorld;

before(async () => {
  const openSsh = localOpenSsh();
  forward = await startForwardWorld(openSsh, {
    rekey: REKEY,
    behind: async (keys, folder) => {
      // It says when keys are exchanged, and never asks for it.
      const config = ["LogLevel DEBUG1", "RekeyLimit 1G"];
      const sshd = await startTargetSshd(openSsh, folder, { keys, names: ["web-1.prod"], config });
      return { sshds: [sshd], targets: [{ host: "web-1", ports: [22], address: `127.0.0.1:${sshd.port}` }] };
    },
  });
});
after(async () => {
  await forward.close();
});

/** Key exchanges that a debug log of OpenSSH tells of. */
function exchangesIn(log: string): number {
  return log.split("SSH2_MSG_NEWKEYS received").length - 1;
}

function digest(data: Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}

function tunnels(way: "up" | "down"): number {
  return forward.world.audit.filter(({ event }) => event === `tunnel.${way}`).length;
}

const DATA = Buffer.alloc(SIZE, "0123456789abcdef!");

test("both hops of the forward form exchange keys in the middle of a transfer, up and down", async (context) => {
  const { sshd } = forward.world;
  const from = sshd.log().length;
  const result = await forward.ssh(["cat"], { input: DATA, args: ["-v"], timeoutMs: 60_000 });
  assert.equal(digest(result.stdout), digest(DATA));
  const [person, target] = [exchangesIn(result.stderr), exchangesIn(sshd.log().slice(from))];
  context.diagnostic(`person's hop ${person}, target's hop ${target}`);
  assert.ok(person > LEAST && target > LEAST, `${person}, ${target}`);
});

test("a tunnel and a person's hop exchange keys in the middle of a jump", async (context) => {
  const { world } = forward;
  const hello = {
    ...{ type: "hello", version: 1, agent: "own-agent-0", cluster: "prod" },
    userCAFingerprints: [],
    targets: [{ host: "web-1", ports: [22] }],
  };
  // An agent of the test's own, whose side of the tunnel can be looked at; it is also the target.
  const { peer } = await connectAgent(world.ports.tunnel, { cluster: "prod", ca: world.keys.hostCa, hello });
  void stayAlive(peer);
  world.agent.close();
  await until("the other agent to leave", () => tunnels("up") === tunnels("down") + 1, {
    deadlineMs: 10_000,
    everyMs: 10,
  });
  const copied = runProgram(
    localOpenSsh().program("ssh"),
    [
      ...strictSshOptions({
        HostName: "127.0.0.1",
        Port: String(world.ports.ssh),
        HostKeyAlias: `[127.0.0.1]:${world.ports.ssh}`,
        UserKnownHostsFile: world.folder.file("known_hosts"),
        IdentityFile: world.folder.file("alice"),
        CertificateFile: `${world.folder.file("alice")}-cert.pub`,
      }),
      ...["-v", "-W", "web-1.prod:22", "proxy"],
    ],
    { timeoutMs: 60_000 },
  );
  const open = await peer.next(MSG.CHANNEL_OPEN);
  open.text();
  const channel = open.u32();
  peer.send(
    message(MSG.CHANNEL_OPEN_CONFIRMATION)
      .u32(channel)
      .u32(0)
      .u32(2 * MIB)
      .u32(32_768),
  );
  let window = 2 * MIB;
  for (let at = 0; at < SIZE; at += 32_768) {
    while (window < 32_768) {
      const adjust = await peer.next(MSG.CHANNEL_WINDOW_ADJUST);
      adjust.u32();
      window += adjust.u32();
    }
    window -= 32_768;
    peer.send(
      message(MSG.CHANNEL_DATA)
        .u32(channel)
        .string(DATA.subarray(at, at + 32_768)),
    );
  }
  peer.send(message(MSG.CHANNEL_EOF).u32(channel));
  peer.send(message(MSG.CHANNEL_CLOSE).u32(channel));
  const result = await copied;
  assert.equal(digest(result.stdout), digest(DATA), result.stderr.slice(-500));
  const [person, tunnel] = [exchangesIn(result.stderr), peer.transport.exchanges];
  context.diagnostic(`person's hop ${person}, tunnel ${tunnel}`);
  assert.ok(person > LEAST && tunnel > LEAST, `${person}, ${tunnel}`);
  peer.transport.destroy();
});
