/** Holds docs/audit.md to the code: every event, field and reason is explained, and nothing else is. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ACCESS_REFUSALS } from "@teleport-access/access";
import { AUDIT_DETAILS, AUDIT_EVENTS, KEY_HELPER_REFUSALS } from "@teleport-access/wire";

const ROOT = join(import.meta.dirname, "..");
const DOCS = read("docs/audit.md");

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** The first column of the tables between two headings. */
function explained(from: RegExp, to: RegExp): string[] {
  const [, text = ""] = DOCS.split(from);
  const [section = ""] = text.split(to);
  return [...section.matchAll(/^\| `([a-zA-Z0-9.-]+)`/gm)].map((m) => m[1] ?? "").toSorted();
}

function sorted(names: Iterable<string>): string[] {
  return [...new Set(names)].toSorted();
}

/** The closed unions of reasons, and where they are. */
const UNIONS = [
  ["packages/access/src/tunnel.ts", "TunnelRefusal"],
  ["packages/ssh/src/admission.ts", "AdmissionRefusal"],
  ["packages/ssh/src/auth-request.ts", "ProofRefusal"],
  ["packages/ssh/src/auth-server.ts", "AuthRefusal"],
  ["packages/ssh/src/channel-request.ts", "ChannelRefusal"],
  ["packages/ssh/src/server-peers.ts", "SshRefusal"],
  ["packages/wire/src/tunnel.ts", "TransportRefusal"],
  ["proxy/src/sessions/registry.ts", "OrdinaryEnd"],
  ["proxy/src/signin/invite.ts", "EnrollRefusal"],
  ["proxy/src/signin/second-factor.ts", "SecondFactorRefusal"],
  ["proxy/src/signin/sign-in.ts", "SignInRefusal"],
  ["proxy/src/ssh/authenticate.ts", "UserAuthRefusal"],
  ["proxy/src/ssh/authenticate.ts", "CodeAsked"],
  ["proxy/src/ssh/dial-refusal.ts", "DialRefusal"],
  ["proxy/src/ssh/forward/refusal.ts", "ForwardRefusal"],
  ["proxy/src/ssh/jump.ts", "JumpRefusal"],
  ["proxy/src/tunnel/authenticate.ts", "TunnelAuthRefusal"],
  ["proxy/src/tunnel/registry.ts", "TunnelEnd"],
] as const;

function reasonsInSource(): string[] {
  const unions = UNIONS.flatMap(([path, name]) => {
    const source = read(path).replaceAll(/\/\*\*[^]*?\*\//g, "");
    const union = new RegExp(`type ${name} =([^;]*);`).exec(source)?.[1];
    assert.ok(union !== undefined, `${path}: ${name} is not where this test looks`);
    return [...union.matchAll(/"([a-z0-9-]+)"/g)].map((m) => m[1] ?? "");
  });
  return sorted([...unions, ...Object.keys(ACCESS_REFUSALS), ...KEY_HELPER_REFUSALS]);
}

test("docs/audit.md explains every event, and no other", () => {
  assert.deepEqual(explained(/^## Events$/m, /^## /m), sorted(AUDIT_EVENTS));
});

test("docs/audit.md explains every field and every detail, and no other", () => {
  const [, body = ""] = /interface AuditEvent \{([^]*?)\n\}/.exec(read("packages/wire/src/audit.ts")) ?? [];
  const fields = [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map((m) => m[1] ?? "");
  assert.ok(fields.length > 10);
  assert.deepEqual(explained(/^## Fields$/m, /^\| `detail\.` /m), sorted(fields));
  assert.deepEqual(explained(/^\| `detail\.` .*$/m, /^## /m), sorted(AUDIT_DETAILS));
});

test("docs/audit.md explains every reason, and no other", () => {
  assert.deepEqual(sorted(explained(/^## Reasons$/m, /^## /m)), reasonsInSource());
});
