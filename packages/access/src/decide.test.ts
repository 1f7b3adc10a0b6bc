import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decide, nextTurn } from "./decide.ts";
import type { AccessRequest } from "./decide.ts";
import { HOUR, makeCertificate, makeGrant, makeWorld, NOW } from "./world-fixture.test.ts";
import type { WorldParts } from "./world-fixture.test.ts";
import { authenticate, by, forward, GOOD, ISSUE, jump, REFUSED } from "./refusal-rows.test.ts";
import { ACCESS_REFUSALS, textForPeople } from "./refusal.ts";
import type { AccessRefusal } from "./refusal.ts";

interface AllowedRow {
  readonly name: string;
  readonly request: AccessRequest;
  readonly world?: WorldParts;
}

const ALLOWED: readonly AllowedRow[] = [
  { name: "a good certificate and one grant", request: authenticate() },
  { name: "a jump that the grant covers", request: jump() },
  { name: "a forward to a granted login", request: forward() },
  { name: "a certificate for somebody who signed in", request: ISSUE },
  {
    name: "a cluster by label",
    request: jump(),
    world: { grants: [makeGrant({ clusters: [], clusterLabels: { tier: "production" } })] },
  },
  { name: "every cluster", request: jump(), world: { grants: [makeGrant({ clusters: "*" })] } },
  {
    name: "a source inside the ranges, mapped into IPv6",
    request: jump({ source: "::ffff:192.0.2.7" }),
    world: { grants: [makeGrant({ sourceRanges: ["192.0.2.0/24"] })] },
  },
  {
    name: "a grant per session, with its code",
    request: jump({ secondFactor: true }),
    world: { grants: [makeGrant({ secondFactor: "PerSession" })] },
  },
  {
    name: "what is open while the list is stale under DenyNew",
    request: jump({ live: true }),
    world: { freshness: { stale: true } },
  },
  {
    name: "anything while the list is stale under Allow",
    request: jump(),
    world: { freshness: { stale: true, policy: "Allow" } },
  },
  {
    name: "a break-glass grant inside its bound, under TerminateAll",
    request: jump(),
    world: {
      grants: [makeGrant({ onStale: { seconds: 900 } })],
      freshness: { stale: true, policy: "TerminateAll", lastProof: NOW - 899_000 },
    },
  },
  {
    name: "two grants that together permit what one does not",
    request: jump(),
    world: {
      grants: [
        makeGrant({ permissions: ["Shell", "Exec"] }),
        makeGrant({ uid: "u-2", name: "alice-files", permissions: ["FileTransfer"] }),
      ],
    },
  },
  {
    name: "a source-address option that lists the client",
    request: authenticate({ criticalOptions: { "source-address": "192.0.2.0/24,2001:db8::/32" } }),
  },
  {
    name: "a forced command, which the proxy or the target enforces",
    request: authenticate({ criticalOptions: { "force-command": "uptime" } }),
  },
  { name: "being logged in, for whichever permission", request: forward({ permission: undefined }) },
  {
    name: "an act that needs two permissions, by two grants",
    request: forward({ permission: "Exec", alsoPermission: "FileTransfer" }),
    world: {
      grants: [
        makeGrant({ permissions: ["Exec"] }),
        makeGrant({ uid: "u-2", name: "alice-files", permissions: ["FileTransfer"] }),
      ],
    },
  },
  {
    name: "port forwarding with a certificate that permits it",
    request: forward({
      permission: "PortForwarding",
      identity: by(makeCertificate({ extensions: { "permit-port-forwarding": "" } })),
    }),
    world: { grants: [makeGrant({ permissions: ["PortForwarding"] })] },
  },
  {
    name: "a shell without a terminal to a certificate without permit-pty",
    request: forward({ identity: by(makeCertificate({ extensions: {} })) }),
  },
];

describe("decide()", () => {
  for (const { want, request, world, why } of REFUSED) {
    test(`decide() refuses a ${request.kind} with ${want}: ${why}`, () => {
      assert.deepEqual(decide(request, makeWorld(world)), { allowed: false, reason: want });
    });
  }

  for (const { name, request, world } of ALLOWED) {
    test(`decide() allows ${name}`, () => {
      const decision = decide(request, makeWorld(world));
      assert.ok(decision.allowed, JSON.stringify(decision));
      assert.ok(decision.grants.length > 0);
    });
  }

  test("decide() refuses a certificate whose signature was made over other bytes", () => {
    const certificate = { ...GOOD, keyId: "alice", signedData: Buffer.from("other bytes") };
    const request: AccessRequest = { kind: "authenticate", identity: by(certificate), source: "192.0.2.7" };
    assert.deepEqual(decide(request, makeWorld()), { allowed: false, reason: "certificate-bad-signature" });
  });

  test("decide() refuses a certificate without principals", () => {
    const certificate = { ...GOOD, principals: [] };
    const request: AccessRequest = { kind: "authenticate", identity: by(certificate), source: "192.0.2.7" };
    assert.deepEqual(decide(request, makeWorld()), { allowed: false, reason: "certificate-no-principals" });
  });

  test("decide() allows a browser session without a certificate", () => {
    const identity = { by: "session", user: "alice", loginSession: "s-alice" } as const;
    assert.ok(decide(forward({ identity }), makeWorld()).allowed);
    const gone = decide(forward({ identity }), makeWorld({ sessions: [] }));
    assert.deepEqual(gone, { allowed: false, reason: "session-gone" });
  });

  test("decide() never reads the certificate's principals as a grant", () => {
    const certificate = makeCertificate({ principals: ["root@prod"] });
    const decision = decide(jump({ identity: by(certificate) }), makeWorld());
    assert.deepEqual(decision, { allowed: false, reason: "jump-exceeds-grant" });
  });
});

describe("ACCESS_REFUSALS", () => {
  /** Reasons that another part gives, or that the rows above cannot produce with a well-made certificate. */
  const ELSEWHERE: readonly AccessRefusal[] = [
    "certificate-no-principals",
    "certificate-principal-not-listed",
    "certificate-bad-signature",
    "certificate-empty-validity",
    "key-not-acceptable",
  ];

  test("ACCESS_REFUSALS has a row above for every reason", () => {
    const tested = new Set([...REFUSED.map((row) => row.want), ...ELSEWHERE]);
    assert.deepEqual(
      Object.keys(ACCESS_REFUSALS).filter((reason) => !tested.has(reason as AccessRefusal)),
      [],
    );
  });

  test("textForPeople() tells strangers nothing: all reasons but three share one text", () => {
    const texts = Object.keys(ACCESS_REFUSALS).map((reason) => textForPeople(reason as AccessRefusal));
    assert.equal(new Set(texts).size, 4);
    assert.equal(texts.filter((text) => text === "access denied").length, texts.length - 3);
  });
});

describe("nextTurn()", () => {
  test("nextTurn() is the first moment at which time alone changes something", () => {
    const world = makeWorld({
      grants: [
        makeGrant({ expirationTime: NOW + 3 * HOUR }),
        makeGrant({ uid: "u-2", name: "later", startTime: NOW + 2 * HOUR }),
        makeGrant({ uid: "u-3", name: "past", expirationTime: NOW - HOUR }),
      ],
    });
    assert.equal(nextTurn(by(GOOD), world), NOW + 2 * HOUR);
  });

  test("nextTurn() is the certificate's end when nothing else is dated before", () => {
    assert.equal(nextTurn(by(makeCertificate({ to: NOW + HOUR })), makeWorld()), NOW + HOUR);
  });

  test("nextTurn() is never in the past or at the present moment", () => {
    const world = makeWorld({ now: NOW + 9 * HOUR });
    assert.equal(nextTurn(by(GOOD), world), Infinity);
  });
});
