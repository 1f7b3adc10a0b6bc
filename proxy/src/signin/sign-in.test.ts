import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "@teleport-access/daemon";
import { KubeError } from "@teleport-access/kube";
import { totpCode, totpStep } from "@teleport-access/testkit";
import { createFakeWorld, NAMESPACE } from "../web/fake-world.ts";
import type { FakeWorld } from "../web/fake-world.ts";
import { REFUSAL_STEP_MS } from "./code-check.ts";
import { createCredentialStore } from "./credentials.ts";
import { createAddressBudget } from "./lockout.ts";
import { fakePasswords } from "./fake-passwords.ts";
import { deriveKey, sealText } from "./session-key.ts";
import { checkSignIn } from "./sign-in.ts";
import type { SignInDeps, SignInResult } from "./sign-in.ts";

const PASSWORD = "correct horse battery";
const SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const passwords = fakePasswords;
const hash = String(await passwords.hash(PASSWORD));

interface Bench {
  readonly world: FakeWorld;
  readonly clock: ManualClock;
  readonly deps: SignInDeps;
  /** The code of the current step, or of one further on. */
  code(ahead?: number): string;
  tryIt(attempt?: Partial<Record<"user" | "password" | "code" | "address", string>>): Promise<SignInResult>;
}

/** alice, enrolled. Refusals wait on the clock, which is moved for them. */
function createBench(): Bench {
  const clock = new ManualClock();
  const world = createFakeWorld(clock, { key: "", cert: "" });
  world.addUser("alice");
  const totpKey = deriveKey(world.deps.sessionKey, "totp");
  const values = { password: hash, totp: sealText(totpKey, SECRET, "alice") };
  const data = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
  );
  world.put("secrets", "alice-credentials", { data });
  const deps: SignInDeps = {
    passwords,
    credentials: createCredentialStore(world.deps.kube, NAMESPACE),
    budget: createAddressBudget(),
    clock,
    totpKey,
    user: (name) => world.store.user(name),
    lockout: () => world.config.authentication.lockout,
  };
  return {
    world,
    clock,
    deps,
    code: (ahead = 0) => totpCode(SECRET, totpStep(clock.now()) + ahead),
    async tryIt(attempt = {}) {
      const good = { user: "alice", password: PASSWORD, code: totpCode(SECRET, totpStep(clock.now())) };
      const result = checkSignIn(deps, { address: "192.0.2.1", ...good, ...attempt });
      const ended = result.then(
        () => true,
        () => true,
      );
      while (!(await Promise.race([ended, turn()]))) {
        const due = clock.nextTimerAt;
        if (due !== undefined) clock.advance(due - clock.now());
      }
      return result;
    },
  };
}

/** False, in the next turn of the event loop. */
function turn(): Promise<boolean> {
  return new Promise((resolve) => setImmediate(resolve, false));
}

test("checkSignIn lets somebody in with the right password and code", async () => {
  const bench = createBench();
  const result = await bench.tryIt();
  assert.equal(result.allowed && result.user.name, "alice");
  assert.equal(bench.world.secret("alice-credentials")["failures"], undefined);
});

test("checkSignIn refuses each wrong factor with its own reason", async () => {
  const table = [
    { attempt: { user: "mallory" }, want: "unknown-user" },
    { attempt: { user: "" }, want: "unknown-user" },
    { attempt: { user: "../alice" }, want: "unknown-user" },
    { attempt: { password: "wrong" }, want: "wrong-password" },
    { attempt: { password: "" }, want: "wrong-password" },
    { attempt: { code: "000000" }, want: "wrong-code" },
    { attempt: { code: "" }, want: "wrong-code" },
    { attempt: { password: "wrong", code: "000000" }, want: "wrong-password" },
  ];
  for (const { attempt, want } of table) {
    const result = await createBench().tryIt(attempt);
    assert.equal(result.allowed ? "allowed" : result.reason, want, JSON.stringify(attempt));
  }
});

test("checkSignIn refuses somebody who never enrolled, and somebody who is suspended", async () => {
  const bench = createBench();
  bench.world.addUser("bob");
  assert.deepEqual(await bench.tryIt({ user: "bob" }), { allowed: false, reason: "not-enrolled" });
  bench.world.put("proxyusers", "alice", { spec: { suspend: true } });
  assert.deepEqual(await bench.tryIt(), { allowed: false, reason: "suspended" });
});

test("checkSignIn accepts a code once, also when it is given to two replicas at the same moment", async () => {
  const bench = createBench();
  const results = await Promise.all([bench.tryIt(), bench.tryIt(), bench.tryIt()]);
  assert.equal(results.filter((result) => result.allowed).length, 1);
  assert.deepEqual(await bench.tryIt(), { allowed: false, reason: "code-reused" });
  bench.clock.advance(30_000);
  assert.equal((await bench.tryIt()).allowed, true);
});

test("checkSignIn does not accept an older code after a newer one", async () => {
  const bench = createBench();
  assert.equal((await bench.tryIt({ code: bench.code(1) })).allowed, true);
  assert.deepEqual(await bench.tryIt({ code: bench.code(0) }), { allowed: false, reason: "code-reused" });
});

test("checkSignIn locks the account after five failures, for everybody, with the right password too", async () => {
  const bench = createBench();
  for (let n = 0; n < 5; n += 1) {
    assert.deepEqual(await bench.tryIt({ password: "wrong" }), { allowed: false, reason: "wrong-password" });
  }
  assert.deepEqual(await bench.tryIt(), { allowed: false, reason: "locked-out" });
  assert.deepEqual(await bench.tryIt({ address: "198.51.100.7" }), { allowed: false, reason: "locked-out" });
  bench.clock.advance(15 * 60_000);
  assert.equal((await bench.tryIt()).allowed, true);
});

test("checkSignIn gives parallel guesses no more than five tries between them", async () => {
  const bench = createBench();
  const results = await Promise.all(Array.from({ length: 20 }, () => bench.tryIt({ password: "wrong" })));
  const reasons = results.map((result) => (result.allowed ? "allowed" : result.reason));
  assert.equal(reasons.filter((reason) => reason === "wrong-password").length, 5);
  assert.equal(reasons.filter((reason) => reason === "locked-out").length, 15);
});

test("checkSignIn counts a right password with a wrong code as a failure", async () => {
  const bench = createBench();
  for (let n = 0; n < 5; n += 1) await bench.tryIt({ code: "000000" });
  assert.deepEqual(await bench.tryIt(), { allowed: false, reason: "locked-out" });
});

test("checkSignIn answers every refusal at the same step of time", async () => {
  const bench = createBench();
  const attempts = [
    { user: "mallory" },
    { password: "wrong" },
    { code: "000000" },
    { user: "alice", password: "" },
  ];
  for (const attempt of attempts) {
    const before = bench.clock.monotonic();
    await bench.tryIt(attempt);
    assert.equal(bench.clock.monotonic() - before, REFUSAL_STEP_MS, JSON.stringify(attempt));
  }
});

test("checkSignIn stops an address that failed too often, whichever accounts it tried", async () => {
  const bench = createBench();
  for (let n = 0; n < 50; n += 1) bench.deps.budget.failed("192.0.2.1", bench.clock.now());
  assert.deepEqual(await bench.tryIt(), { allowed: false, reason: "rate-limited" });
  assert.equal((await bench.tryIt({ address: "192.0.2.2" })).allowed, true);
});

test("checkSignIn lets nobody in when the API server does not answer", async () => {
  for (const call of ["get secrets", "replace secrets"]) {
    const bench = createBench();
    const error = new KubeError("KUBE_UNREACHABLE", "no");
    bench.world.failing.set(call, error);
    await assert.rejects(bench.tryIt(), (thrown) => thrown === error);
  }
});

test("checkSignIn refuses when the credentials were reset while it was looking at them", async () => {
  const bench = createBench();
  const { credentials } = bench.deps;
  const deps: SignInDeps = {
    ...bench.deps,
    passwords: {
      ...passwords,
      verify: async (stored, password) => {
        await credentials.update("alice", () => ({ attempts: [], inviteHash: "new" }));
        return passwords.verify(stored, password);
      },
    },
  };
  const attempt = { user: "alice", password: PASSWORD, code: bench.code(), address: "192.0.2.1" };
  const result = checkSignIn(deps, attempt);
  while (bench.clock.timers === 0) await new Promise((resolve) => setImmediate(resolve));
  bench.clock.advance(REFUSAL_STEP_MS);
  assert.equal((await result).allowed, false);
  assert.equal(bench.world.secret("alice-credentials")["invite.hash"], "new");
});

test("checkSignIn does not take the TOTP secret of another user", async () => {
  const bench = createBench();
  bench.world.addUser("bob");
  const { data } = bench.world.read("secrets", "alice-credentials") ?? {};
  bench.world.put("secrets", "bob-credentials", { data });
  assert.deepEqual(await bench.tryIt({ user: "bob" }), { allowed: false, reason: "wrong-code" });
});
