import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { publicKeyOf } from "@teleport-access/sshcert";
import type { AuthRequest } from "@teleport-access/ssh";
import type { CertificateParts, Fixture } from "../world-fixture.test.ts";
import { certificateOf, createFixture, HOST_CA, NOW, OTHER_CA } from "../world-fixture.test.ts";
import { authenticateUser } from "./authenticate.ts";

function requestOf(over: Partial<AuthRequest> = {}, certificate: CertificateParts = {}): AuthRequest {
  return {
    user: "whoever",
    remoteAddress: "192.0.2.1",
    remotePort: 1,
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

function answer(
  request: AuthRequest,
  { open = 0, fixture = createFixture() }: { open?: number; fixture?: Fixture } = {},
) {
  const { store, audit, clock, events } = fixture;
  const verdict = authenticateUser(request, {
    ...{ store, audit, clock },
    sessions: { count: () => open },
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
