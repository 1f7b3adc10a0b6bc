import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { AUDIT_EVENTS, auditLine } from "./audit.ts";
import type { AuditEvent } from "./audit.ts";
import { MAX_AUDIT_TEXT } from "./limits.ts";

/** What must not be in a line: it would end it, colour it, or turn its direction. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** Any text, with what does harm more often than chance has it, up to 10 kB. */
const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 200 }),
  fc
    .array(
      fc.constantFrom(
        "\n",
        "\r",
        "\u001b[2J",
        "\u2028",
        "\u2029",
        "\u202e",
        "\u0000",
        "\ufeff",
        '"}\n{"a":',
        "\u009b",
        "\ud800",
        "é",
      ),
    )
    .map((parts) => parts.join("x")),
  fc.nat(10_240).map((length) => "A".repeat(length)),
);

const event: fc.Arbitrary<AuditEvent> = fc
  .record({
    event: fc.constantFrom(...AUDIT_EVENTS),
    reason: hostile,
    user: hostile,
    cluster: hostile,
    target: hostile,
    client: hostile,
    certificate: fc.record({ keyId: hostile, serial: hostile, authority: hostile }),
    detail: fc.record({ error: hostile, peerVersion: hostile, sshUser: hostile, clientPort: fc.nat() }),
  })
  .map((fields) => ({ outcome: "denied", ...fields }));

describe("auditLine()", () => {
  test("auditLine() is one bounded line of JSON without anything unseen, whatever strangers send", () => {
    fc.assert(
      fc.property(event, (any) => {
        const line = JSON.stringify(auditLine(any));
        assert.doesNotMatch(line, UNSEEN);
        assert.ok(line.length < 12 * (MAX_AUDIT_TEXT * 2 + 64), `${line.length} characters`);
        const read = JSON.parse(line) as AuditEvent;
        assert.deepEqual(
          [read.event, read.outcome, read.detail?.clientPort],
          [any.event, any.outcome, any.detail?.clientPort],
        );
      }),
      { numRuns: 500 },
    );
  });

  test("auditLine() leaves ordinary names as they are", () => {
    const plain: AuditEvent = {
      event: "ssh.auth",
      outcome: "allowed",
      user: "alice",
      client: "2001:db8::1",
      secondFactor: true,
      certificate: { keyId: "alice", serial: "7", authority: "SHA256:x" },
      warnings: ["rsa-key-below-3072"],
    };
    assert.deepEqual(auditLine(plain), { audit: true, ...plain });
  });
});
