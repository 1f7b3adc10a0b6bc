import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatPublicKeyLine, publicKeyOf } from "@teleport-access/sshcert";
import { HOST_CA, USER_CA } from "./world-fixture.test.ts";
import { parseGrant, parseTrust, parseUser } from "./parse-objects.ts";

const METADATA = { name: "alice-prod", namespace: "acme", uid: "u-1", resourceVersion: "7" };
const SPEC = { userRef: { name: "alice" }, clusters: ["prod"], logins: ["deploy"] };
const HOST_LINE = formatPublicKeyLine(publicKeyOf(HOST_CA));
const OTHER_LINE = formatPublicKeyLine(publicKeyOf(USER_CA));

function grant(spec: object): ReturnType<typeof parseGrant> {
  return parseGrant({ metadata: METADATA, spec: { ...SPEC, ...spec } });
}

describe("parseGrant()", () => {
  test("parseGrant() fills in what the CRD would default", () => {
    assert.deepEqual(grant({}), {
      ok: true,
      value: {
        name: "alice-prod",
        uid: "u-1",
        resourceVersion: "7",
        user: "alice",
        clusters: ["prod"],
        logins: ["deploy"],
        targets: [{ host: "*", ports: "*" }],
        permissions: ["Shell", "Exec", "FileTransfer", "AgentForwarding"],
        secondFactor: "PerSignIn",
        sourceRanges: [],
        suspend: false,
      },
    });
  });

  test("parseGrant() reads every field", () => {
    const parsed = grant({
      clusters: ["*"],
      targets: [{ host: "web-*", ports: [22, 2222] }, { host: "db-1" }],
      permissions: ["Shell"],
      maxCertificateTTL: "1h30m",
      secondFactor: "PerSession",
      sourceRanges: ["10.0.0.0/8"],
      startTime: "2026-01-01T00:00:00Z",
      expirationTime: "2026-02-01T00:00:00.5+01:00",
      suspend: true,
      onStale: { policy: "Allow" },
    });
    assert.ok(parsed.ok);
    const { value } = parsed;
    assert.equal(value.clusters, "*");
    assert.deepEqual(value.targets, [
      { host: "web-*", ports: [22, 2222] },
      { host: "db-1", ports: "*" },
    ]);
    assert.deepEqual(value.permissions, ["Shell"]);
    assert.equal(value.maxCertificateTtlSeconds, 5400);
    assert.equal(value.secondFactor, "PerSession");
    assert.equal(value.startTime, Date.UTC(2026, 0, 1));
    assert.equal(value.expirationTime, Date.UTC(2026, 0, 31, 23, 0, 0, 500));
    assert.deepEqual(value.onStale, { seconds: 900 });
    assert.ok(value.suspend);
  });

  test("parseGrant() keeps an empty list empty: it grants nothing", () => {
    const parsed = grant({ targets: [], permissions: [], logins: [] });
    assert.ok(parsed.ok);
    assert.deepEqual([parsed.value.targets, parsed.value.permissions, parsed.value.logins], [[], [], []]);
  });

  test("parseGrant() takes labels in place of names", () => {
    const parsed = grant({ clusters: undefined, clusterSelector: { matchLabels: { tier: "a" } } });
    assert.ok(parsed.ok);
    assert.deepEqual([parsed.value.clusters, parsed.value.clusterLabels], [[], { tier: "a" }]);
  });

  const BAD = [
    { spec: { userRef: undefined }, reason: /spec\.userRef: is not an object/ },
    { spec: { logins: "root" }, reason: /spec\.logins: is not a list/ },
    { spec: { logins: [7] }, reason: /spec\.logins\[0\]: is not a text/ },
    { spec: { permissions: ["Root"] }, reason: /spec\.permissions: "Root" is no permission/ },
    { spec: { sourceRanges: ["10.0.0.0/99"] }, reason: /spec\.sourceRanges: .* is no CIDR block/ },
    { spec: { maxCertificateTTL: "1d" }, reason: /spec\.maxCertificateTTL: "1d" is no duration/ },
    { spec: { expirationTime: "tomorrow" }, reason: /spec\.expirationTime: is no time/ },
    { spec: { suspend: "false" }, reason: /spec\.suspend: is neither/ },
    { spec: { secondFactor: "Never" }, reason: /spec\.secondFactor: is none of/ },
    {
      spec: { targets: [{ host: "a", ports: ["22"] }] },
      reason: /spec\.targets\[0\]\.ports\[0\]: is not a whole/,
    },
  ];
  for (const { spec, reason } of BAD) {
    test(`parseGrant() grants nothing for ${JSON.stringify(spec)} and names the field`, () => {
      const parsed = grant(spec);
      assert.ok(!parsed.ok);
      assert.match(parsed.reason, reason);
    });
  }
});

describe("parseUser()", () => {
  test("parseUser() reads suspend", () => {
    const parsed = parseUser({ metadata: { ...METADATA, name: "alice" }, spec: { suspend: true } });
    assert.deepEqual(parsed, { ok: true, value: { uid: "u-1", name: "alice", suspend: true } });
  });
});

describe("parseTrust()", () => {
  test("parseTrust() takes the keys of spec, whatever status says", () => {
    const parsed = parseTrust({
      metadata: { ...METADATA, name: "prod", labels: { tier: "a" } },
      spec: { publicKeys: [HOST_LINE], principals: "Plain", maxTunnels: 2, sourceRanges: ["10.0.0.0/8"] },
      status: { publicKeys: [OTHER_LINE] },
    });
    assert.ok(parsed.ok);
    assert.deepEqual(
      parsed.value.authorities.map((key) => key.blob),
      [publicKeyOf(HOST_CA).blob],
    );
    assert.match(parsed.value.fingerprints[0] ?? "", /^SHA256:/);
    assert.equal(parsed.value.principals, "Plain");
    assert.equal(parsed.value.maxTunnels, 2);
    assert.deepEqual(parsed.value.labels, { tier: "a" });
  });

  test("parseTrust() takes the keys of status for a reference, and none before the operator has resolved it", () => {
    const spec = { clusterRef: { name: "prod" } };
    const resolved = parseTrust({ metadata: METADATA, spec, status: { publicKeys: [HOST_LINE] } });
    assert.ok(resolved.ok && resolved.value.authorities.length === 1);
    const waiting = parseTrust({ metadata: METADATA, spec });
    assert.ok(waiting.ok && waiting.value.authorities.length === 0);
  });

  test("parseTrust() trusts nobody when one of the keys is no key", () => {
    const parsed = parseTrust({ metadata: METADATA, spec: { publicKeys: [HOST_LINE, "ssh-ed25519 AAAA"] } });
    assert.ok(!parsed.ok);
    assert.match(parsed.reason, /^publicKeys\[1\]: /);
    const touched =
      "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIHaRsNkkgPBQip4qVQPUUjLDC8kIKo0dBNMYcTEzQf9gAAAABHNzaDo=";
    const waiting = parseTrust({ metadata: METADATA, spec: { publicKeys: [touched] } });
    assert.ok(!waiting.ok);
    assert.equal(waiting.reason, "publicKeys[0]: a security key's key is no authority");
  });
});

test("parsers give a view or a reason for any JSON value, and never throw", () => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.record({ metadata: fc.jsonValue(), spec: fc.jsonValue(), status: fc.jsonValue() }),
    fc.record({
      metadata: fc.constant(METADATA),
      spec: fc.dictionary(
        fc.constantFrom(
          "userRef",
          "logins",
          "clusters",
          "targets",
          "publicKeys",
          "suspend",
          "onStale",
          "__proto__",
        ),
        fc.jsonValue(),
      ),
    }),
  );
  fc.assert(
    fc.property(value, (object) => {
      for (const parse of [parseGrant, parseUser, parseTrust]) {
        const parsed = parse(object);
        assert.ok(parsed.ok || parsed.reason.length > 0);
      }
    }),
    { numRuns: 1000 },
  );
});
