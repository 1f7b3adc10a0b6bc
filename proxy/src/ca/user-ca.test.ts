import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import { decide, loginSessionOf } from "@teleport-access/access";
import { generatePrivateKey, parsePublicKeyLine, publicKeyOf } from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";
import type { Fixture } from "../world-fixture.test.ts";
import {
  createFixture,
  grantObject,
  HOUR,
  NOW,
  object,
  sessionObject,
  trustObject,
  USER_CA,
} from "../world-fixture.test.ts";
import { createUserCa } from "./user-ca.ts";
import type { CertificateAnswer, UserCa } from "./user-ca.ts";

const SUBJECT = publicKeyOf(generatePrivateKey("Ed25519"));
const KEYS = { active: USER_CA, publicKeys: [publicKeyOf(USER_CA)] };

function createCa({ store }: Fixture, hosts: readonly string[] = []): UserCa {
  return createUserCa({
    keys: () => KEYS,
    world: (now) => store.world(now),
    announcedTargets: () => hosts.map((host) => ({ host })),
    defaultTtlSeconds: 8 * 3600,
    maxTtlSeconds: 24 * 3600,
  });
}

function issue(fixture: Fixture, hosts?: readonly string[]): CertificateAnswer {
  return createCa(fixture, hosts).issue({
    user: "alice",
    publicKey: SUBJECT,
    loginSession: "s-alice",
    now: NOW,
  });
}

function issued(fixture: Fixture, hosts?: readonly string[]): Certificate {
  const answer = issue(fixture, hosts);
  assert.ok(answer.issued, answer.issued ? "" : answer.reason);
  return answer.certificate;
}

function minutesLeft(certificate: Certificate): number {
  return (Number(certificate.validBefore) * 1000 - NOW) / 60_000;
}

describe("UserCa.issue()", () => {
  test("UserCa.issue() makes a certificate that says no more than the grants", () => {
    const certificate = issued(createFixture());
    assert.equal(certificate.keyId, "alice");
    assert.deepEqual(certificate.principals, ["deploy@prod"]);
    assert.deepEqual([...certificate.extensions.keys()].toSorted(), [
      "permit-agent-forwarding",
      "permit-pty",
      "session@teleport-access.io",
    ]);
    assert.equal(loginSessionOf(certificate), "s-alice");
    assert.equal(certificate.criticalOptions.size, 0);
    assert.equal(minutesLeft(certificate), 480);
    assert.ok(Number(certificate.validAfter) * 1000 < NOW);
  });

  test("UserCa.issue() makes certificates that the proxy lets in", () => {
    const fixture = createFixture();
    const certificate = issued(fixture);
    const request = {
      kind: "jump",
      identity: { by: "certificate", certificate },
      ...{ source: "192.0.2.1", cluster: "prod", host: "web-1", port: 22 },
    } as const;
    assert.ok(decide(request, fixture.store.world(NOW)).allowed);
  });

  test("UserCa.issue() ends with the sign-in, the last grant, or the grant's own bound, whichever is first", () => {
    const signIn = createFixture();
    signIn.put("loginsessions", sessionObject("s-alice", { expires: NOW + HOUR }));
    assert.equal(minutesLeft(issued(signIn)), 60);
    const ending = createFixture();
    ending.put(
      "useraccesses",
      grantObject("alice-prod", { expirationTime: new Date(NOW + 2 * HOUR).toISOString() }),
    );
    assert.equal(minutesLeft(issued(ending)), 120);
    const bounded = createFixture();
    bounded.put("useraccesses", grantObject("alice-prod", { maxCertificateTTL: "30m" }));
    assert.equal(minutesLeft(issued(bounded)), 30);
  });

  test("UserCa.issue() asks the agents what a glob means", () => {
    const fixture = createFixture();
    fixture.put("useraccesses", grantObject("alice-prod", { targets: [{ host: "web-*" }] }));
    assert.deepEqual(issued(fixture, ["web-1", "db-1"]).principals, ["deploy@web-1.prod"]);
  });

  const REFUSED: readonly [string, (fixture: Fixture) => void][] = [
    [
      "no-grant",
      (f) => {
        f.remove("useraccesses", grantObject());
      },
    ],
    [
      "session-gone",
      (f) => {
        f.remove("loginsessions", sessionObject());
      },
    ],
    [
      "user-suspended",
      (f) => {
        f.put("proxyusers", object("proxyusers", "alice", { suspend: true }));
      },
    ],
    [
      "grant-suspended",
      (f) => {
        f.put("useraccesses", grantObject("alice-prod", { suspend: true }));
      },
    ],
    [
      "target-not-granted",
      (f) => {
        f.remove("trustedhostcas", trustObject());
      },
    ],
    [
      "access-list-stale",
      (f) => {
        f.store.proved("useraccesses", NOW - HOUR);
      },
    ],
  ];
  for (const [want, act] of REFUSED) {
    test(`UserCa.issue() signs nothing: ${want}`, () => {
      const fixture = createFixture();
      act(fixture);
      assert.deepEqual(issue(fixture), { issued: false, reason: want });
    });
  }

  test("UserCa.issue() certifies a security key, and never lets it go untouched", () => {
    const line =
      "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIHaRsNkkgPBQip4qVQPUUjLDC8kIKo0dBNMYcTEzQf9gAAAABHNzaDo=";
    const publicKey = parsePublicKeyLine(line);
    const answer = createCa(createFixture()).issue({
      user: "alice",
      publicKey,
      loginSession: "s-alice",
      now: NOW,
    });
    assert.ok(answer.issued);
    assert.equal(answer.certificate.certType, "sk-ssh-ed25519-cert-v01@openssh.com");
    assert.equal(answer.certificate.extensions.has("no-touch-required"), false);
  });

  test("UserCa.issue() takes an RSA key of 2048 bits that somebody has, and refuses a smaller one with a reason", () => {
    function issue(modulusLength: number): CertificateAnswer {
      const { publicKey } = generateKeyPairSync("rsa", { modulusLength });
      const ca = createCa(createFixture());
      return ca.issue({
        user: "alice",
        publicKey: publicKeyOf(publicKey),
        loginSession: "s-alice",
        now: NOW,
      });
    }
    assert.ok(issue(2048).issued);
    assert.deepEqual(issue(1024), { issued: false, reason: "key-not-acceptable" });
  });
});
