/**
 * Hostile targets through the whole forward form, with stock ssh in front: whatever a target does, the person reads one
 * sentence or their session ends as it should, the proxy lives, and sessions beside it go on.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { SshWriter } from "@teleport-access/sshcert";
import type { RunningCommand } from "@teleport-access/testkit";
import { MSG } from "../../packages/ssh/src/messages.ts";
import { flood } from "../../packages/ssh/src/testing/peer-fixture.ts";
import { message } from "../../packages/ssh/src/testing/raw-peer.ts";
import type { RawPeer } from "../../packages/ssh/src/testing/raw-peer.ts";
import { startTargetSshd } from "./target-sshd.ts";
import { startForwardWorld } from "./forward-world.ts";
import type { ForwardWorld } from "./forward-world.ts";
import { admit, finish, openSession, print, startHostileTargets, startSession } from "./hostile-target.ts";
import type { Act, HostileTargets } from "./hostile-target.ts";
import { localOpenSsh } from "./proxy-world.ts";

/** A target is judged by what it says; who has to wait for one that says nothing is asked elsewhere. */
const WITHIN_MS = 8_000;

interface Hostile {
  readonly name: string;
  readonly act: Act;
  /** The sentence about it; none when the session ends as it should, with what it printed and status 7. */
  readonly says?: RegExp;
  readonly status?: number;
}

const LOST = /^teleport-access: The connection to \S+ was lost\.\r?$/m;
const NO_SSH = /^teleport-access: \S+ does not answer as an SSH server\.\r?$/m;
const REFUSED = /^teleport-access: \S+ refused it\.\r?$/m;

/** Something that ends the connection to the target in the middle of a session. */
function inSession(name: string, act: (peer: RawPeer, channel: number) => Promise<void> | void): Hostile {
  return {
    name,
    says: LOST,
    act: async (peer) => {
      const channel = await startSession(peer);
      print(peer, channel, "here\n");
      await act(peer, channel);
    },
  };
}

/** Something that is borne: the session ends as it should afterwards. */
function borne(name: string, act: (peer: RawPeer, channel: number) => Promise<void> | void): Hostile {
  return {
    name,
    act: async (peer) => {
      const channel = await startSession(peer);
      await act(peer, channel);
      print(peer, channel, "here\n");
      finish(peer, channel);
    },
  };
}

/** A request of the target's about the session. */
function ask(channel: number, name: string, payload: SshWriter = new SshWriter()): SshWriter {
  return message(MSG.CHANNEL_REQUEST).u32(channel).string(name).u8(0).raw(payload.done());
}

function open(type: string, sender: number): Buffer {
  return message(MSG.CHANNEL_OPEN).string(type).u32(sender).u32(100_000).u32(32_768).done();
}

function beforeLogin(name: string, act: Act): Hostile {
  return { name, says: NO_SSH, act };
}

const EXT_INFO = message(MSG.EXT_INFO).u32(1).string("server-sig-algs").string("ssh-ed25519").done();
const KEXINIT = message(20).raw(Buffer.alloc(16, 7)).string("curve25519-sha256").done();
const ESCAPES = "\u001b]0;owned\u0007\u001b[2J";

const HOSTILE: readonly Hostile[] = [
  beforeLogin("floods EXT_INFO before it lets anybody in", (peer) => flood(peer, EXT_INFO, 100_000)),
  {
    name: "says EXT_INFO of four billion entries",
    act: async (peer) => {
      await peer.secured;
      peer.send(message(MSG.EXT_INFO).u32(0xffff_ffff).string("x").string("y"));
      const channel = await startSession(peer);
      print(peer, channel, "here\n");
      finish(peer, channel);
    },
  },
  beforeLogin("floods banners", async (peer) => {
    await peer.next(MSG.SERVICE_REQUEST);
    peer.send(message(MSG.SERVICE_ACCEPT).string("ssh-userauth"));
    await flood(peer, message(MSG.USERAUTH_BANNER).string(ESCAPES.repeat(50)).string("").done(), 100_000);
  }),
  beforeLogin("opens channels before it lets anybody in", async (peer) => {
    await peer.next(MSG.SERVICE_REQUEST);
    peer.transport.send(open("session", 0));
    await peer.closed;
  }),
  beforeLogin("sends beginnings of key exchanges without end", (peer) => flood(peer, KEXINIT, 10_000)),
  {
    name: "refuses the session with escape sequences",
    says: REFUSED,
    act: async (peer) => {
      await admit(peer);
      const asked = await peer.next(MSG.CHANNEL_OPEN);
      asked.text();
      peer.send(message(MSG.CHANNEL_OPEN_FAILURE).u32(asked.u32()).u32(1).string(ESCAPES).string(""));
    },
  },
  ...[0, 1, 255].map((packetSize): Hostile => ({
    name: `takes packets of ${packetSize} bytes`,
    says: LOST,
    act: async (peer) => {
      await openSession(peer, { packetSize });
      await peer.closed;
    },
  })),
  {
    name: "confirms the session twice",
    says: LOST,
    act: async (peer) => {
      const channel = await openSession(peer);
      peer.send(message(MSG.CHANNEL_OPEN_CONFIRMATION).u32(channel).u32(1).u32(1000).u32(32_768));
      await peer.closed;
    },
  },
  inSession("grows a window over 2^32", (peer, channel) => {
    for (let i = 0; i < 3; i += 1)
      peer.send(message(MSG.CHANNEL_WINDOW_ADJUST).u32(channel).u32(0xffff_ffff));
  }),
  inSession("sends more than the window", (peer, channel) =>
    flood(peer, message(MSG.CHANNEL_DATA).u32(channel).string(Buffer.alloc(32_768)).done(), 4096),
  ),
  inSession("sends a message larger than a packet may be", (peer, channel) => {
    print(peer, channel, Buffer.alloc(33_000));
  }),
  inSession("writes to channels that are not open", (peer) => {
    for (let i = 1; i < 1000; i += 1) print(peer, i, "x");
  }),
  {
    ...inSession("writes after its own EOF", (peer, channel) => {
      peer.send(message(MSG.CHANNEL_EOF).u32(channel));
      print(peer, channel, "late\n");
    }),
    // The person was told already that no more output comes.
    says: /^$/,
  },
  borne("writes after its own CLOSE", (peer, channel) => {
    print(peer, channel, "here\n");
    finish(peer, channel);
  }),
  inSession("answers what nobody asked", (peer, channel) => {
    for (let i = 0; i < 1000; i += 1) peer.send(message(MSG.CHANNEL_SUCCESS).u32(channel));
  }),
  inSession("lets people in again", (peer) => {
    peer.send(message(MSG.USERAUTH_SUCCESS));
  }),
  inSession("begins a key exchange and goes on talking", (peer, channel) => {
    peer.transport.send(KEXINIT);
    print(peer, channel, "x");
  }),
  inSession("says goodbye with escape sequences", (peer) => {
    peer.send(message(MSG.DISCONNECT).u32(11).string(ESCAPES).string(""));
  }),
  inSession("hangs up", (peer) => {
    peer.transport.wire.destroy();
  }),
  borne("opens channels towards the person by the hundred", async (peer) => {
    for (const type of ["forwarded-tcpip", "x11", "session", "direct-tcpip", "teleport-transport"])
      await flood(peer, open(type, 9), 150);
  }),
  borne("asks and asks, and reads no answer for a while", async (peer) => {
    peer.transport.wire.pause();
    const question = message(MSG.GLOBAL_REQUEST).string("keepalive@openssh.com").u8(1).done();
    await flood(peer, question, 5_000);
    peer.transport.wire.resume();
  }),
  borne("says nothing of meaning a hundred thousand times", (peer) =>
    flood(peer, message(MSG.IGNORE).string("").done(), 100_000),
  ),
  borne("sends empty data a hundred thousand times", (peer, channel) =>
    flood(peer, message(MSG.CHANNEL_DATA).u32(channel).string("").done(), 100_000),
  ),
  borne("sends error output of unknown kinds", (peer, channel) => {
    for (let i = 2; i < 100; i += 1)
      peer.send(message(MSG.CHANNEL_EXTENDED_DATA).u32(channel).u32(i).string("x"));
  }),
  borne("exchanges keys a hundred times in a row", async (peer) => {
    const { transport } = peer;
    for (let done = transport.exchanges; done < 100 && !transport.finished;) {
      if (!transport.exchanging) transport.rekey();
      await new Promise(setImmediate);
      done = transport.exchanges;
    }
  }),
  borne("gives an exit status of three bytes, and one of eight", (peer, channel) => {
    peer.send(ask(channel, "exit-status", new SshWriter().raw(Buffer.alloc(3))));
    peer.send(ask(channel, "exit-status", new SshWriter().u32(1).u32(1)));
  }),
  borne("names a signal that is cut off", (peer, channel) => {
    peer.send(ask(channel, "exit-signal", new SshWriter().string("TERM").u8(0)));
    peer.send(ask(channel, "exit-signal", new SshWriter().u32(0xffff_ffff)));
  }),
  borne("asks the person's client for what only a client may ask", (peer, channel) => {
    for (const name of ["shell", "exec", "pty-req", "x11-req", "auth-agent-req@openssh.com", "subsystem"])
      peer.send(ask(channel, name));
  }),
];

const acts = new Map(HOSTILE.map(({ act }, index) => [`evil-${index}`, act]));

let forward: ForwardWorld;
let hostile: HostileTargets;
/** Somebody else's sessions, in both forms. */
const beside: RunningCommand[] = [];

before(async () => {
  const openSsh = localOpenSsh();
  forward = await startForwardWorld(openSsh, {
    behind: async (keys, folder) => {
      hostile = await startHostileTargets(keys, acts);
      const sshd = await startTargetSshd(openSsh, folder, { keys, names: ["web-1.prod"] });
      const good = { host: "web-1", ports: [22], address: `127.0.0.1:${sshd.port}` };
      return { sshds: [sshd], targets: [good, ...hostile.targets] };
    },
  });
  beside.push(await forward.world.client().holdStream(`${forward.world.login}@web-1.prod`));
  beside.push(forward.hold(["while echo tick; do sleep 0.2; done"]));
  await beside[1]?.waitFor(/tick/, 10_000);
});
after(async () => {
  for (const session of beside) await session.stop();
  await hostile.close();
  await forward.close();
});

/** Those beside it get something to read still. */
async function othersGoOn(): Promise<void> {
  for (const session of beside) {
    const seen = session.stdout().length;
    assert.equal(session.exitedAt(), undefined, session.stderr());
    await session.waitFor(new RegExp(`^[^]{${seen + 1},}`), 5_000);
  }
}

describe("a hostile target in the forward form", () => {
  for (const [index, { name, says, status = says === undefined ? 7 : 255 }] of HOSTILE.entries())
    test(`that ${name} ${says === undefined ? "changes nothing" : "ends its own session only"}`, async () => {
      const from = performance.now();
      const wish = `${forward.world.login}@evil-${index}.prod`;
      const result = await forward.ssh(["a command"], { wish, timeoutMs: 20_000 });
      const output = { stdout: result.stdout.toString().slice(-200), stderr: result.stderr.slice(-500) };
      assert.equal(result.status, status, JSON.stringify(output));
      assert.ok(performance.now() - from < WITHIN_MS, `took ${performance.now() - from} ms`);
      if (says === undefined) assert.equal(output.stdout, "here\n");
      else assert.match(result.stderr, says);
      assert.doesNotMatch(result.stderr, /\u001b/, "nothing of the target's own words");
      assert.equal(result.stderr.trim().split("\n").length, 1, "one sentence at most");
      assert.deepEqual(hostile.failures, []);
      await othersGoOn();
    });
});
