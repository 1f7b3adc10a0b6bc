import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "@teleport-access/daemon";
import { totpCode, totpStep } from "@teleport-access/testkit";
import { createFakeWorld, NAMESPACE } from "../web/fake-world.ts";
import type { FakeWorld } from "../web/fake-world.ts";
import { createCredentialStore } from "./credentials.ts";
import { fakePasswords } from "./fake-passwords.ts";
import { finishEnrollment, startEnrollment } from "./invite.ts";
import type { EnrollDeps, EnrollmentFinish } from "./invite.ts";
import { deriveKey, openText } from "./session-key.ts";

const TOKEN = "a-token-of-256-random-bits";
const PASSWORD = "correct horse battery";
const passwords = fakePasswords;

interface Bench {
  readonly world: FakeWorld;
  readonly clock: ManualClock;
  readonly deps: EnrollDeps;
}

/** alice with an invite that TOKEN opens. */
function createBench(): Bench {
  const clock = new ManualClock();
  const world = createFakeWorld(clock, { key: "", cert: "" });
  world.addUser("alice", TOKEN);
  const deps: EnrollDeps = {
    passwords,
    credentials: createCredentialStore(world.deps.kube, NAMESPACE),
    enrollmentKey: deriveKey(world.deps.sessionKey, "enrollment"),
    totpKey: deriveKey(world.deps.sessionKey, "totp"),
    user: (name) => world.store.user(name),
    issuer: () => "acme",
  };
  return { world, clock, deps };
}

/** The second request of somebody who did everything right. */
async function prepare({ deps, clock }: Bench): Promise<EnrollmentFinish> {
  const started = await startEnrollment(deps, { user: "alice", token: TOKEN }, clock.now());
  assert.ok(started.enrolled === "started");
  const code = totpCode(started.totpSecret, totpStep(clock.now()));
  return { user: "alice", token: TOKEN, enrollment: started.enrollment, password: PASSWORD, code };
}

test("finishEnrollment stores both factors and uses the invite up", async () => {
  const bench = createBench();
  const finish = await prepare(bench);
  assert.deepEqual(await finishEnrollment(bench.deps, finish, bench.clock.now()), { enrolled: true });
  const stored = bench.world.secret("alice-credentials");
  assert.deepEqual(Object.keys(stored).toSorted(), ["password", "totp", "totp.last"]);
  assert.equal(await passwords.verify(stored["password"], PASSWORD), true);
  assert.match(openText(bench.deps.totpKey, stored["totp"] ?? "", "alice") ?? "", /^[A-Z2-7]{32}$/);
  assert.equal(bench.world.read("secrets", "alice-invite"), undefined);
});

test("finishEnrollment works once: the second with the same invite is refused", async () => {
  const bench = createBench();
  const finish = await prepare(bench);
  const other = await prepare(bench);
  const results = await Promise.all([
    finishEnrollment(bench.deps, finish, bench.clock.now()),
    finishEnrollment(bench.deps, { ...other, password: "another password" }, bench.clock.now()),
  ]);
  assert.equal(results.filter(({ enrolled }) => enrolled).length, 1);
  const again = await startEnrollment(bench.deps, { user: "alice", token: TOKEN }, bench.clock.now());
  assert.deepEqual(again, { enrolled: false, reason: "bad-invite" });
});

test("startEnrollment stores nothing", async () => {
  const bench = createBench();
  const before = bench.world.read("secrets", "alice-credentials");
  await prepare(bench);
  assert.equal(bench.world.read("secrets", "alice-credentials"), before);
});

test("startEnrollment refuses a wrong or empty token, a stranger, a suspended person, an invite that is over", async () => {
  const bench = createBench();
  const { deps, clock, world } = bench;
  world.addUser("bob");
  const table = [
    { holder: { user: "alice", token: "" }, want: "bad-invite" },
    { holder: { user: "alice", token: `${TOKEN}x` }, want: "bad-invite" },
    { holder: { user: "bob", token: TOKEN }, want: "bad-invite" },
    // The hash of nothing must not open an account that has no invite.
    { holder: { user: "bob", token: "" }, want: "bad-invite" },
    { holder: { user: "mallory", token: TOKEN }, want: "unknown-user" },
  ];
  for (const { holder, want } of table) {
    const result = await startEnrollment(deps, holder, clock.now());
    assert.deepEqual(result, { enrolled: false, reason: want }, JSON.stringify(holder));
  }
  clock.advance(86_400_000);
  const late = await startEnrollment(deps, { user: "alice", token: TOKEN }, clock.now());
  assert.deepEqual(late, { enrolled: false, reason: "expired-invite" });
  world.put("proxyusers", "alice", { spec: { suspend: true } });
  const suspended = await startEnrollment(deps, { user: "alice", token: TOKEN }, 0);
  assert.deepEqual(suspended, { enrolled: false, reason: "unknown-user" });
});

test("finishEnrollment refuses a wrong code, a weak password and a foreign enrolment, and changes nothing", async () => {
  const bench = createBench();
  const finish = await prepare(bench);
  const before = bench.world.read("secrets", "alice-credentials");
  const table: readonly { readonly change: Partial<EnrollmentFinish>; readonly want: string }[] = [
    { change: { code: "000000" }, want: "wrong-code" },
    { change: { code: "" }, want: "wrong-code" },
    { change: { password: "short" }, want: "weak-password" },
    { change: { password: "" }, want: "weak-password" },
    { change: { enrollment: "" }, want: "bad-enrollment" },
    { change: { enrollment: finish.enrollment.slice(0, -2) }, want: "bad-enrollment" },
  ];
  for (const { change, want } of table) {
    const result = await finishEnrollment(bench.deps, { ...finish, ...change }, bench.clock.now());
    assert.equal(result.enrolled ? "enrolled" : result.reason, want, JSON.stringify(change));
  }
  assert.equal(bench.world.read("secrets", "alice-credentials"), before);
});

test("finishEnrollment refuses an enrolment that was begun with another invite or too long ago", async () => {
  const bench = createBench();
  const finish = await prepare(bench);
  bench.world.addUser("alice", "a-new-invite");
  const moved = { ...finish, token: "a-new-invite" };
  const other = await finishEnrollment(bench.deps, moved, bench.clock.now());
  assert.equal(!other.enrolled && other.reason, "bad-enrollment");
  const late = await finishEnrollment(await fresh(), finish, bench.clock.now() + 30 * 60_000);
  assert.equal(!late.enrolled && late.reason, "bad-enrollment");

  async function fresh(): Promise<EnrollDeps> {
    bench.world.addUser("alice", TOKEN);
    await Promise.resolve();
    return bench.deps;
  }
});

test("startEnrollment refuses an invite for somebody who has a password already", async () => {
  const bench = createBench();
  await bench.deps.credentials.update("alice", (current) => ({ ...current, password: "$argon2id$" }));
  const result = await startEnrollment(bench.deps, { user: "alice", token: TOKEN }, bench.clock.now());
  assert.deepEqual(result, { enrolled: false, reason: "bad-invite" });
});
