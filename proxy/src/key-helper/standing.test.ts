import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "@teleport-access/daemon";
import { fingerprint, parseCertificateLine, publicKeyOf } from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";
import { loginSessionSealKey } from "../signin/login-session-seal.ts";
import { newLoginSession } from "../signin/session.ts";
import { createFakeWorld, NAMESPACE } from "../web/fake-world.ts";
import type { FakeWorld } from "../web/fake-world.ts";
import { createFakeMachine, createFakePeer, TOKEN } from "./fake-key-helper.ts";
import type { FakePeer } from "./fake-key-helper.ts";
import { hashOfToken } from "./hello.ts";
import { startStanding } from "./standing.ts";
import type { Standing } from "./standing.ts";

const HOUR = 3_600_000;

interface Bench {
  readonly world: FakeWorld;
  readonly clock: ManualClock;
  readonly peer: FakePeer;
  readonly revoked: string[];
  readonly failed: unknown[];
  start(): Standing;
  /** The person signs in; the name of the session. */
  signIn(): string;
  /** The last certificate that was sent. */
  certificate(): Certificate;
}

/** alice with a grant and a token; not signed in. The store tells the standing connection, as in server.ts. */
function createBench(): Bench {
  const clock = new ManualClock();
  const world = createFakeWorld(clock, { key: "", cert: "" });
  const machine = createFakeMachine();
  const peer = createFakePeer();
  const revoked: string[] = [];
  const failed: unknown[] = [];
  world.addUser("alice");
  world.addGrant("alice");
  world.put("keyhelpertokens", "kht-1", {
    spec: {
      userRef: { name: "alice" },
      tokenHash: hashOfToken(TOKEN),
      expirationTime: "2099-01-01T00:00:00Z",
    },
  });
  return {
    world,
    clock,
    peer,
    revoked,
    failed,
    start() {
      const token = world.store.keyHelperToken(hashOfToken(TOKEN));
      assert.ok(token !== undefined);
      const device = fingerprint(publicKeyOf(machine.deviceKey));
      const helper = { user: "alice", token, device, publicKey: publicKeyOf(machine.sshKey) };
      const standing = startStanding(world.deps, peer, helper, {
        given: () => undefined,
        failed: (error) => failed.push(error),
        revoked: (reason) => revoked.push(reason),
      });
      world.store.onChange(() => {
        standing.look();
      });
      return standing;
    },
    signIn() {
      const user = world.store.user("alice");
      assert.ok(user !== undefined);
      const session = newLoginSession({
        namespace: NAMESPACE,
        user,
        sealKey: loginSessionSealKey(world.deps.sessionKey),
        now: clock.now(),
        ttlSeconds: 8 * 3600,
        address: "192.0.2.1",
        userAgent: "test",
      });
      world.put("loginsessions", session.metadata.name, session);
      return session.metadata.name;
    },
    certificate() {
      const message = peer.told.findLast(({ type }) => type === "certificate");
      assert.ok(message?.type === "certificate");
      return parseCertificateLine(message.line);
    },
  };
}

test("a key-helper waits for the sign-in, and has its certificate in the same turn of the event loop", () => {
  const bench = createBench();
  bench.start();
  assert.deepEqual(bench.peer.news(), ["welcome"]);
  const session = bench.signIn();
  assert.deepEqual(bench.peer.news(), ["state", "certificate"]);
  const { principals, keyId, extensions } = bench.certificate();
  assert.deepEqual([keyId, principals], ["alice", ["deploy@prod"]]);
  assert.ok(extensions.get("session@teleport-access.io")?.includes(session) === true);
});

test("a key-helper that comes when the person is signed in gets its certificate at once", () => {
  const bench = createBench();
  bench.signIn();
  bench.start();
  assert.deepEqual(bench.peer.news(), ["welcome", "certificate"]);
});

test("the welcome names the proxy's keys and the clusters that the person's grants name", () => {
  const bench = createBench();
  bench.start();
  const [welcome] = bench.peer.told;
  assert.ok(welcome?.type === "welcome");
  assert.equal(welcome.ssh.address, "proxy.example.com:3023");
  assert.deepEqual(
    welcome.knownHosts.map(({ cluster }) => cluster),
    ["prod"],
  );
});

test("deleting the last grant revokes synchronously, and making it again gives a certificate again", () => {
  const bench = createBench();
  bench.signIn();
  bench.start();
  bench.peer.news();
  bench.world.remove("useraccesses", "alice-prod");
  assert.deepEqual(bench.peer.news(), ["revoked"]);
  assert.deepEqual(bench.revoked, ["no-grant"]);
  bench.world.addGrant("alice");
  assert.deepEqual(bench.peer.news(), ["certificate"]);
});

test("every way to lose access revokes: suspension, the sign-in, the cluster", () => {
  const table = [
    {
      cut: (w: FakeWorld) => {
        w.put("proxyusers", "alice", { spec: { suspend: true } });
      },
      want: "user-suspended",
    },
    {
      cut: (w: FakeWorld) => {
        w.put("useraccesses", "alice-prod", {
          spec: { ...w.read("useraccesses", "alice-prod")?.spec, suspend: true },
        });
      },
      want: "grant-suspended",
    },
    {
      cut: (w: FakeWorld) => {
        w.remove("loginsessions", w.store.loginSessionsOf("alice")[0]?.name ?? "");
      },
      want: "session-gone",
    },
    {
      cut: (w: FakeWorld) => {
        w.remove("trustedhostcas", "prod");
      },
      want: "target-not-granted",
    },
  ];
  for (const { cut, want } of table) {
    const bench = createBench();
    bench.signIn();
    bench.start();
    bench.peer.news();
    cut(bench.world);
    assert.equal(bench.peer.news()[0], "revoked", want);
    assert.deepEqual(bench.revoked, [want]);
    assert.equal(bench.peer.closed, undefined, want);
  }
});

test("deleting the token revokes and ends the connection", () => {
  const bench = createBench();
  bench.signIn();
  bench.start();
  bench.peer.news();
  bench.world.remove("keyhelpertokens", "kht-1");
  assert.deepEqual(bench.peer.news(), ["revoked", "refused"]);
  assert.equal(bench.peer.closed, 4403);
});

test("a token that another device was bound to meanwhile ends the connection", () => {
  const bench = createBench();
  bench.start();
  bench.peer.news();
  const token = bench.world.read("keyhelpertokens", "kht-1");
  bench.world.put("keyhelpertokens", "kht-1", {
    ...token,
    status: { boundKeyFingerprint: `SHA256:${"x".repeat(43)}` },
  });
  assert.deepEqual(bench.peer.news().at(-1), "refused");
});

test("narrowed grants bring a fresh certificate at once, with nothing of the old", () => {
  const bench = createBench();
  bench.world.addGrant("alice", "alice-root", { logins: ["root"] });
  bench.signIn();
  bench.start();
  assert.deepEqual(bench.certificate().principals.toSorted(), ["deploy@prod", "root@prod"]);
  bench.peer.news();
  bench.world.remove("useraccesses", "alice-root");
  assert.deepEqual(bench.peer.news(), ["certificate"]);
  assert.deepEqual(bench.certificate().principals, ["deploy@prod"]);
});

test("changes that concern somebody else send nothing and sign nothing", () => {
  const bench = createBench();
  bench.signIn();
  bench.start();
  bench.peer.news();
  let signed = 0;
  const { ca } = bench.world.deps;
  const issue = ca.issue.bind(ca);
  ca.issue = (request) => {
    signed += 1;
    return issue(request);
  };
  bench.world.addUser("bob");
  bench.world.addGrant("bob");
  assert.deepEqual(bench.peer.news(), []);
  assert.equal(signed, 0);
});

test("a second sign-in replaces the certificate by one that hangs on it", () => {
  const bench = createBench();
  bench.signIn();
  bench.start();
  bench.peer.news();
  bench.clock.advance(HOUR);
  const second = bench.signIn();
  assert.deepEqual(bench.peer.news(), ["certificate"]);
  assert.ok(bench.certificate().extensions.get("session@teleport-access.io")?.includes(second) === true);
});

test("the end of the sign-in is noticed without any event", () => {
  const bench = createBench();
  bench.signIn();
  bench.start();
  bench.peer.news();
  bench.clock.advance(8 * HOUR - 1000);
  assert.deepEqual(bench.peer.news(), []);
  bench.clock.advance(2000);
  assert.deepEqual(bench.peer.news(), ["revoked", "state"]);
});

test("a grant that begins by itself is noticed within half a minute", () => {
  const bench = createBench();
  const startTime = new Date(bench.clock.now() + HOUR).toISOString();
  bench.world.addGrant("alice", "alice-prod", { startTime });
  bench.signIn();
  bench.start();
  assert.deepEqual(bench.peer.news(), ["welcome", "revoked"]);
  bench.clock.advance(HOUR + 30_000);
  assert.deepEqual(
    bench.peer.news().filter((type) => type === "certificate"),
    ["certificate"],
  );
});

test("a certificate that is shorter than the sign-in is renewed at two thirds of its life", () => {
  const bench = createBench();
  bench.world.addGrant("alice", "alice-prod", { maxCertificateTTL: "1h" });
  bench.signIn();
  bench.start();
  const first = bench.certificate();
  bench.peer.news();
  bench.clock.advance(39 * 60_000);
  assert.deepEqual(bench.peer.news(), []);
  bench.clock.advance(2 * 60_000);
  assert.deepEqual(bench.peer.news(), ["certificate"]);
  assert.ok(bench.certificate().validBefore > first.validBefore);
});

test("clusters that become trusted are told, and stay told when the grant ends", () => {
  const bench = createBench();
  bench.world.addGrant("alice", "alice-lab", { clusters: ["lab"] });
  bench.start();
  bench.peer.news();
  const { spec } = bench.world.read("trustedhostcas", "prod") ?? {};
  bench.world.put("trustedhostcas", "lab", { spec });
  assert.deepEqual(bench.peer.news(), ["known-hosts"]);
  bench.world.remove("useraccesses", "alice-lab");
  assert.deepEqual(bench.peer.news(), []);
  bench.world.remove("trustedhostcas", "lab");
  assert.deepEqual(bench.peer.news(), ["known-hosts"]);
});

test("a defect while looking ends this connection and nothing else", () => {
  const bench = createBench();
  bench.start();
  const boom = new Error("boom");
  bench.world.deps.ca.issue = () => {
    throw boom;
  };
  bench.signIn();
  assert.deepEqual(bench.failed, [boom]);
  assert.equal(bench.peer.closed, 1011);
  assert.equal(bench.clock.timers, 0);
});

test("end stops the timer", () => {
  const bench = createBench();
  bench.signIn();
  const standing = bench.start();
  standing.end();
  assert.equal(bench.clock.timers, 0);
});
