import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import { publicKeyOf } from "@teleport-access/sshcert";
import type { AuthRequest, AuthVerdict, DepartedPeer } from "@teleport-access/ssh";
import { totpCode, totpStep } from "@teleport-access/testkit";
import { createAudit } from "../audit.ts";
import type { CredentialStore, Credentials } from "../signin/credentials.ts";
import { createAddressBudget } from "../signin/lockout.ts";
import type { SecondFactorDeps } from "../signin/second-factor.ts";
import { sealText } from "../signin/session-key.ts";
import type { CertificateParts, Fixture } from "../world-fixture.test.ts";
import {
  certificateOf,
  createFixture,
  grantObject,
  HOST_CA,
  NOW,
  object,
  OTHER_CA,
} from "../world-fixture.test.ts";
import { authenticateUser } from "./authenticate.ts";
import type { UserIdentity } from "./authenticate.ts";
import { recordDeparted } from "./connection-lines.ts";
import { recordRefusedPeer } from "./refused-peers.ts";

function requestOf(over: Partial<AuthRequest> = {}, certificate: CertificateParts = {}): AuthRequest {
  return {
    user: "whoever",
    remoteAddress: "192.0.2.1",
    remotePort: 1,
    connection: "c-1",
    method: "publickey",
    proven: true,
    key: {
      kind: "certificate",
      algorithm: "ssh-ed25519-cert-v01@openssh.com",
      certificate: certificateOf(certificate),
    },
    ...over,
  };
}

const TOTP_KEY = Buffer.alloc(32, 9);
const SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/** alice's credentials, and nobody else's. */
function credentialsOf(): CredentialStore {
  let stored: Credentials = { password: "$hash", totp: sealText(TOTP_KEY, SECRET, "alice"), attempts: [] };
  return {
    read: () => Promise.resolve(stored),
    update(_user, change) {
      const next = change(stored);
      if (next !== "leave") stored = next;
      return Promise.resolve(stored);
    },
    deleteInvite: () => Promise.resolve(),
  };
}

function codesOf({ clock, log }: Fixture): SecondFactorDeps {
  const lockout = { maxAttempts: 5, windowSeconds: 900 };
  const shared = { credentials: credentialsOf(), budget: createAddressBudget(), totpKey: TOTP_KEY };
  return { ...shared, clock, log, lockout: () => lockout };
}

function answer(
  request: AuthRequest,
  { open = 0, fixture = createFixture() }: { open?: number; fixture?: Fixture } = {},
) {
  const { store, audit, clock, events } = fixture;
  const verdict = authenticateUser(request, {
    ...{ store, audit, clock },
    sessions: { count: () => open },
    codes: codesOf(fixture),
    maxSessionsPerUser: 50,
  });
  return {
    verdict,
    lines: events.map(({ outcome, reason, user }) => [outcome, reason, user].filter(Boolean).join(" ")),
  };
}

const PASSWORD: AuthRequest = {
  user: "alice",
  remoteAddress: "192.0.2.1",
  remotePort: 1,
  connection: "c-1",
  method: "password",
  proven: false,
};

describe("authenticateUser()", () => {
  test("authenticateUser() takes the person from the certificate, whatever the SSH user name is", () => {
    const { verdict, lines } = answer(requestOf({ user: "root" }));
    assert.ok(verdict.accept === true);
    assert.equal(verdict.identity.user, "alice");
    assert.deepEqual(lines, ["allowed alice"]);
  });

  test("authenticateUser() audits a probe only when it is refused", () => {
    assert.deepEqual(answer(requestOf({ proven: false })).lines, []);
    assert.deepEqual(answer(requestOf({ proven: false }, { ca: OTHER_CA })).lines, [
      "denied certificate-unknown-authority alice",
    ]);
  });

  test("authenticateUser() names the sign-in, the CA and the serial in its line", () => {
    const fixture = createFixture();
    answer(requestOf(), { fixture });
    const [event] = fixture.events;
    assert.equal(event?.loginSession, "s-alice");
    assert.match(event.certificate?.authority ?? "", /^SHA256:/);
    assert.equal(event.client, "192.0.2.1");
  });

  const plain = { kind: "plain", algorithm: "ssh-ed25519", publicKey: publicKeyOf(OTHER_CA) } as const;
  const REFUSED: readonly [string, AuthRequest, { open?: number }?][] = [
    ["plain-key", requestOf({ key: plain })],
    ["unsupported-key", requestOf({ key: { kind: "unsupported", algorithm: "ssh-rsa" } })],
    ["method-not-offered", PASSWORD],
    ["certificate-expired alice", requestOf({}, { to: NOW })],
    ["certificate-wrong-type alice", requestOf({}, { type: "host", ca: HOST_CA })],
    ["user-unknown root", requestOf({}, { keyId: "root" })],
    ["too-many-connections alice", requestOf(), { open: 50 }],
  ];
  for (const [want, request, options] of REFUSED) {
    test(`authenticateUser() refuses with ${want}`, () => {
      const { verdict, lines } = answer(request, options);
      assert.deepEqual([verdict, lines], [{ accept: false }, [`denied ${want}`]]);
    });
  }

  test("authenticateUser() refuses everybody while the access list is stale", () => {
    const fixture = createFixture();
    fixture.clock.advance(61_000);
    assert.deepEqual(answer(requestOf(), { fixture }).lines, ["denied access-list-stale alice"]);
  });
});

describe("authenticateUser(), a code after the key", () => {
  type Challenged = Extract<AuthVerdict<UserIdentity>, { accept: "challenge" }>;

  function challenged(fixture: Fixture, user = "alice"): Challenged {
    const { verdict } = answer(requestOf({ user }), { fixture });
    assert.ok(verdict.accept === "challenge", `${verdict.accept}`);
    return verdict;
  }

  /** alice's grant asks for a code. */
  function createWorld(): Fixture {
    const fixture = createFixture();
    fixture.put("useraccesses", grantObject("alice-prod", { secondFactor: "PerSession" }));
    return fixture;
  }

  function codeNow({ clock }: Fixture): string {
    return totpCode(SECRET, totpStep(clock.now()));
  }

  /** The last line, in short. */
  function lastLine({ events }: Fixture): unknown[] {
    const { outcome, reason, secondFactor, certificate } = events.at(-1) ?? {};
    return [outcome, reason, secondFactor, certificate?.keyId];
  }

  /** Wrong answers wait for the clock. */
  async function typed(fixture: Fixture, { challenge }: Challenged, code: string): Promise<boolean> {
    const judged = Promise.resolve(challenge.answer([code]));
    const ended = judged.then(() => true);
    while (!(await Promise.race([ended, new Promise((resolve) => setImmediate(resolve, false))]))) {
      const due = fixture.clock.nextTimerAt;
      if (due !== undefined) fixture.clock.advance(due - fixture.clock.now());
    }
    return await judged;
  }

  test("authenticateUser() asks for a code where no grant lets the person in without one, and audits both steps", async () => {
    const fixture = createWorld();
    const verdict = challenged(fixture);
    assert.deepEqual(lastLine(fixture), ["info", "code-asked", undefined, "alice"]);
    assert.equal(verdict.identity.request.secondFactor, true);
    assert.equal(await typed(fixture, verdict, codeNow(fixture)), true);
    assert.deepEqual(lastLine(fixture), ["allowed", undefined, true, "alice"]);
  });

  test("authenticateUser() keeps no second factor for somebody who gave none", () => {
    const fixture = createFixture();
    fixture.put("useraccesses", grantObject("more", { secondFactor: "PerSession" }));
    const { verdict } = answer(requestOf(), { fixture });
    assert.ok(verdict.accept === true);
    assert.equal(verdict.identity.request.secondFactor, undefined);
    assert.deepEqual(
      verdict.identity.grants.map(({ name }) => name),
      ["alice-prod"],
    );
  });

  test("authenticateUser() asks with mixed grants when the user name asks for it or names a target that needs it", () => {
    const fixture = createFixture();
    const db = { targets: [{ host: "db-1" }], secondFactor: "PerSession" };
    fixture.put(
      "useraccesses",
      grantObject("alice-prod", { targets: [{ host: "web-*" }] }),
      grantObject("db", db),
    );
    for (const [user, want] of [
      ["alice", true],
      ["alice+code", "challenge"],
      ["deploy@db-1.prod", "challenge"],
      ["deploy@web-1.prod", true],
      ["deploy@web-1.prod+code", "challenge"],
      ["deploy@db-1.prod:22", "challenge"],
    ] as const) {
      assert.equal(answer(requestOf({ user }), { fixture }).verdict.accept, want, user);
    }
  });

  test("authenticateUser() asks nobody who shows only that they have a certificate", () => {
    const fixture = createWorld();
    assert.deepEqual(answer(requestOf({ proven: false }), { fixture }).lines, []);
  });

  for (const [code, want] of [
    ["000000", "second-factor-wrong"],
    ["", "second-factor-wrong"],
  ] as const) {
    test(`authenticateUser() refuses the code ${JSON.stringify(code)} with ${want}`, async () => {
      const fixture = createWorld();
      assert.equal(await typed(fixture, challenged(fixture), code), false);
      assert.deepEqual(lastLine(fixture), ["denied", want, undefined, "alice"]);
    });
  }

  test("authenticateUser() refuses a code that was used for another connection", async () => {
    const fixture = createWorld();
    const codes = codesOf(fixture);
    const deps = { ...fixture, sessions: { count: () => 0 }, codes, maxSessionsPerUser: 50 };
    for (const want of [true, false]) {
      const verdict = authenticateUser(requestOf(), deps);
      assert.ok(verdict.accept === "challenge");
      assert.equal(await typed(fixture, verdict, codeNow(fixture)), want);
    }
    assert.deepEqual(lastLine(fixture), ["denied", "code-reused", undefined, "alice"]);
  });

  for (const [what, change, want] of [
    [
      "the grant is gone",
      (f: Fixture) => {
        f.remove("useraccesses", grantObject());
      },
      "no-grant",
    ],
    [
      "the person is suspended",
      (f: Fixture) => {
        f.put("proxyusers", object("proxyusers", "alice", { suspend: true }));
      },
      "user-suspended",
    ],
  ] as const) {
    test(`authenticateUser() lets nobody in when ${what} while they type`, async () => {
      const fixture = createWorld();
      const verdict = challenged(fixture);
      change(fixture);
      assert.equal(await typed(fixture, verdict, codeNow(fixture)), false);
      assert.deepEqual(lastLine(fixture), ["denied", want, undefined, "alice"]);
    });
  }
});

test("authenticateUser() puts no stranger's text into the log unescaped or unbounded", () => {
  const evil = `al\n{"audit":true}\u001b[2J\u202e\u2028${"x".repeat(10_240)}`;
  const fixture = createFixture();
  const audit = createAudit(fixture);
  // A stranger signs certificates with any key id; only what is written about it is ours.
  const certificate = { ...certificateOf({ ca: OTHER_CA }), keyId: evil };
  const key = { kind: "certificate", algorithm: "ssh-ed25519-cert-v01@openssh.com", certificate } as const;
  const deps = {
    ...fixture,
    audit,
    sessions: { count: () => 0 },
    codes: codesOf(fixture),
    maxSessionsPerUser: 50,
  };
  authenticateUser(requestOf({ user: evil, key }), deps);
  recordDeparted("ssh", strangerNamed(evil), undefined, audit);
  recordRefusedPeer(
    "ssh.auth",
    { remoteAddress: "192.0.2.1", user: evil, reason: "protocol-error", detail: evil },
    { ...fixture, audit },
  );
  assert.equal(fixture.lines.length, 3);
  for (const line of fixture.lines) {
    assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    assert.ok(line.length < 3000, `${line.length} characters`);
    assert.equal((JSON.parse(line) as { outcome: string }).outcome === "allowed", false);
  }
});

test("authenticateUser() warns of an RSA key below 3072 bits, and of no other", () => {
  for (const [bits, want] of [
    [2048, ["rsa-key-below-3072"]],
    [3072, undefined],
  ] as const) {
    const fixture = createFixture();
    const subject = publicKeyOf(generateKeyPairSync("rsa", { modulusLength: bits }).publicKey);
    const certificate = { ...certificateOf(), publicKey: subject };
    const key = { kind: "certificate", algorithm: "rsa-sha2-512-cert-v01@openssh.com", certificate } as const;
    answer(requestOf({ key }), { fixture });
    assert.deepEqual(fixture.events[0]?.warnings, want);
  }
});

function strangerNamed(evil: string): DepartedPeer<undefined> {
  return {
    ...{
      id: "c-1",
      remoteAddress: "192.0.2.1",
      remotePort: 1,
      identity: undefined,
      user: evil,
      peerVersion: evil,
    },
    algorithms: { keyExchange: "", hostKey: "", cipher: "" },
    ...{ received: 1, sent: 1, milliseconds: 1, error: evil },
  };
}
