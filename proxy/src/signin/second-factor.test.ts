/** One code at the SSH port: counted, spent and timed together with the web page's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger, ManualClock } from "@teleport-access/daemon";
import { KubeError } from "@teleport-access/kube";
import { totpCode, totpStep } from "@teleport-access/testkit";
import { createFakeWorld } from "../web/fake-world.ts";
import type { FakeWorld } from "../web/fake-world.ts";
import { REFUSAL_STEP_MS } from "./code-check.ts";
import { fakePasswords } from "./fake-passwords.ts";
import { checkSecondFactor } from "./second-factor.ts";
import type { SecondFactorAnswer, SecondFactorDeps } from "./second-factor.ts";
import { sealText } from "./session-key.ts";
import { checkSignIn } from "./sign-in.ts";

const PASSWORD = "correct horse battery";
const SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const hash = String(await fakePasswords.hash(PASSWORD));

interface Bench {
  readonly world: FakeWorld;
  readonly clock: ManualClock;
  readonly deps: SecondFactorDeps;
  code(): string;
  tryIt(code?: string, address?: string): Promise<SecondFactorAnswer>;
  /** At the web page, with the same counters. */
  signIn(password: string, code: string): Promise<string>;
}

/** alice, enrolled. */
function createBench(): Bench {
  const clock = new ManualClock();
  const world = createFakeWorld(clock, { key: "", cert: "" });
  world.addUser("alice");
  const { codes } = world.deps;
  const values = { password: hash, totp: sealText(codes.totpKey, SECRET, "alice") };
  const data = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
  );
  world.put("secrets", "alice-credentials", { data });
  const deps = { ...codes, log: createLogger({ program: "proxy", level: "silent" }) };
  function code(): string {
    return totpCode(SECRET, totpStep(clock.now()));
  }
  return {
    ...{ world, clock, deps, code },
    tryIt: (typed = code(), address = "192.0.2.1") =>
      moving(clock, checkSecondFactor(deps, { user: "alice", code: typed, address })),
    async signIn(password, typed) {
      const signIn = { ...codes, passwords: fakePasswords, user: (name: string) => world.store.user(name) };
      const attempt = { user: "alice", password, code: typed, address: "192.0.2.1" };
      const result = await moving(clock, checkSignIn(signIn, attempt));
      return result.allowed ? "allowed" : result.reason;
    },
  };
}

/** Waits for `work`, moving the clock for everything that waits on it. */
async function moving<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  const ended = work.then(
    () => true,
    () => true,
  );
  while (!(await Promise.race([ended, turn()]))) {
    const due = clock.nextTimerAt;
    if (due !== undefined) clock.advance(due - clock.now());
  }
  return await work;
}

/** False, in the next turn of the event loop. */
function turn(): Promise<boolean> {
  return new Promise((resolve) => setImmediate(resolve, false));
}

test("checkSecondFactor takes a right code once, at whichever door", async () => {
  const bench = createBench();
  assert.equal(await bench.tryIt(), undefined);
  assert.equal(await bench.tryIt(), "code-reused");
  assert.equal(await bench.signIn(PASSWORD, bench.code()), "code-reused");
  bench.clock.advance(30_000);
  assert.equal(await bench.signIn(PASSWORD, bench.code()), "allowed");
  assert.equal(await bench.tryIt(), "code-reused", "spent by the sign-in");
});

test("checkSecondFactor takes a code once, also when it is given to two replicas at the same moment", async () => {
  const bench = createBench();
  const answers = await Promise.all([bench.tryIt(), bench.tryIt(), bench.tryIt()]);
  assert.deepEqual(answers.toSorted(), ["code-reused", "code-reused", undefined]);
});

for (const code of [
  "000000",
  "",
  "12345",
  "1234567",
  "abcdef",
  " 123456",
  "\u0661\u0662\u0663\u0664\u0665\u0666",
]) {
  test(`checkSecondFactor refuses ${JSON.stringify(code)}`, async () => {
    assert.equal(await createBench().tryIt(code), "second-factor-wrong");
  });
}

test("checkSecondFactor shares the lock-out with the web page, both ways", async () => {
  const bench = createBench();
  for (let n = 0; n < 3; n += 1) assert.equal(await bench.tryIt("000000"), "second-factor-wrong");
  for (let n = 0; n < 2; n += 1) assert.equal(await bench.signIn("wrong", "000000"), "wrong-password");
  assert.equal(await bench.tryIt(), "locked-out");
  assert.equal(await bench.signIn(PASSWORD, bench.code()), "locked-out");
  bench.clock.advance(15 * 60_000);
  assert.equal(await bench.tryIt(), undefined);
});

test("checkSecondFactor gives parallel guesses no more than five tries between them", async () => {
  const bench = createBench();
  const answers = await Promise.all(Array.from({ length: 20 }, () => bench.tryIt("000000")));
  assert.equal(answers.filter((answer) => answer === "second-factor-wrong").length, 5);
  assert.equal(answers.filter((answer) => answer === "locked-out").length, 15);
});

test("checkSecondFactor takes back its own try only: a code is no fresh start for whoever guesses passwords", async () => {
  const bench = createBench();
  for (let n = 0; n < 4; n += 1) await bench.signIn("wrong", "000000");
  assert.equal(await bench.tryIt(), undefined);
  assert.equal(await bench.signIn("wrong", "000000"), "wrong-password");
  assert.equal(await bench.signIn(PASSWORD, bench.code()), "locked-out");
});

test("checkSecondFactor answers every refusal at the same step of time, also when the API server is away", async () => {
  const bench = createBench();
  async function time(code: string): Promise<number> {
    const before = bench.clock.monotonic();
    await bench.tryIt(code);
    return bench.clock.monotonic() - before;
  }
  assert.equal(await time("000000"), REFUSAL_STEP_MS);
  await bench.tryIt();
  assert.equal(await time(bench.code()), REFUSAL_STEP_MS);
  bench.world.failing.set("get secrets", new KubeError("KUBE_UNREACHABLE", "no"));
  assert.equal(await time(bench.code()), REFUSAL_STEP_MS);
});

test("checkSecondFactor lets nobody in while the API server does not answer, and counts no failure for it", async () => {
  for (const call of ["get secrets", "replace secrets"]) {
    const bench = createBench();
    bench.world.failing.set(call, new KubeError("KUBE_UNREACHABLE", "no"));
    for (let n = 0; n < 60; n += 1) assert.equal(await bench.tryIt(), "second-factor-unavailable");
    bench.world.failing.clear();
    assert.equal(await bench.tryIt(), undefined);
  }
});

test("checkSecondFactor stops an address that failed too often, at whichever door", async () => {
  const bench = createBench();
  for (let n = 0; n < 50; n += 1) bench.deps.budget.failed("192.0.2.1", bench.clock.now());
  assert.equal(await bench.tryIt(), "rate-limited");
  assert.equal(await bench.tryIt(bench.code(), "192.0.2.2"), undefined);
});

test("checkSecondFactor refuses somebody who never enrolled, or whose secret is another person's", async () => {
  const bench = createBench();
  bench.world.addUser("bob");
  function asBob(): Promise<SecondFactorAnswer> {
    const attempt = { user: "bob", code: bench.code(), address: "192.0.2.1" };
    return moving(bench.clock, checkSecondFactor(bench.deps, attempt));
  }
  assert.equal(await asBob(), "not-enrolled");
  const { data } = bench.world.read("secrets", "alice-credentials") ?? {};
  bench.world.put("secrets", "bob-credentials", { data });
  assert.equal(await asBob(), "second-factor-wrong");
  bench.world.remove("secrets", "bob-credentials");
  assert.equal(await asBob(), "not-enrolled");
});
