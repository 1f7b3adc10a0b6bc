import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { publicKeyOf } from "@teleport-access/sshcert";
import type { AuthRequest } from "@teleport-access/ssh";
import type { CertificateParts, Fixture } from "../world-fixture.test.ts";
import { certificateOf, createFixture, HOST_CA, OTHER_CA, trustObject } from "../world-fixture.test.ts";
import { authenticateTunnel } from "./authenticate.ts";

function requestOf(over: Partial<AuthRequest> = {}, certificate: CertificateParts = {}): AuthRequest {
  return {
    user: "cluster:prod",
    remoteAddress: "192.0.2.9",
    remotePort: 1,
    connection: "c-1",
    method: "publickey",
    proven: true,
    key: {
      kind: "certificate",
      algorithm: "ssh-ed25519-cert-v01@openssh.com",
      certificate: certificateOf({ type: "host", ca: HOST_CA, principals: ["prod"], ...certificate }),
    },
    ...over,
  };
}

function answer(
  request: AuthRequest,
  { count = 0, fixture = createFixture() }: { count?: number; fixture?: Fixture } = {},
): { accept: boolean; lines: string[] } {
  const { store, audit, clock, events } = fixture;
  const verdict = authenticateTunnel(request, { store, audit, clock, tunnels: { count: () => count } });
  return {
    accept: verdict.accept === true,
    lines: events.map(({ outcome, reason, cluster }) => [outcome, reason, cluster].filter(Boolean).join(" ")),
  };
}

const PLAIN = { kind: "plain", algorithm: "ssh-ed25519", publicKey: publicKeyOf(OTHER_CA) } as const;

describe("authenticateTunnel()", () => {
  test("authenticateTunnel() lets the cluster's agent in, and audits it once it has signed", () => {
    assert.deepEqual(answer(requestOf()), { accept: true, lines: ["allowed prod"] });
    assert.deepEqual(answer(requestOf({ proven: false })), { accept: true, lines: [] });
  });

  test("authenticateTunnel() says nothing about a client that asks for the methods", () => {
    assert.deepEqual(answer(requestOf({ method: "none" })), { accept: false, lines: [] });
  });

  const REFUSED: readonly [string, AuthRequest, { count?: number }?][] = [
    ["not-a-cluster", requestOf({ user: "alice" })],
    ["not-a-cluster", requestOf({ user: "cluster:Prod\n" })],
    ["plain-key prod", requestOf({ key: PLAIN })],
    ["unsupported-key prod", requestOf({ key: { kind: "unsupported", algorithm: "ssh-dss" } })],
    ["cluster-not-trusted dev", requestOf({ user: "cluster:dev" })],
    ["wrong-cluster prod", requestOf({}, { principals: ["dev"] })],
    ["certificate-unknown-authority prod", requestOf({}, { ca: OTHER_CA })],
    ["certificate-wrong-type prod", requestOf({}, { type: "user" })],
    ["too-many-tunnels prod", requestOf(), { count: 16 }],
  ];
  for (const [want, request, options] of REFUSED) {
    test(`authenticateTunnel() refuses with ${want}`, () => {
      assert.deepEqual(answer(request, options), { accept: false, lines: [`denied ${want}`] });
    });
  }

  test("authenticateTunnel() asks only the authorities of the cluster that is named", () => {
    const fixture = createFixture();
    fixture.put("trustedhostcas", trustObject("dev"));
    // Cluster prod's host CA is dev's, too; the certificate still names prod only.
    const { lines } = answer(requestOf({ user: "cluster:dev" }), { fixture });
    assert.deepEqual(lines, ["denied wrong-cluster dev"]);
  });
});
