import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { SshFormatError } from "./bytes.ts";
import { parseCertificate } from "./certificate.ts";
import type { Certificate } from "./certificate.ts";
import { publicKeyOf } from "./key.ts";
import { generatePrivateKey } from "./private-key.ts";
import { issueCertificate } from "./sign.ts";
import type { CertificateRequest } from "./sign.ts";
import { FOREVER } from "./validity.ts";
import { verifyCertificate } from "./verify.ts";
import type { CertificatePurpose, CertificateRefusal } from "./verify.ts";

const userCa = generatePrivateKey("Ed25519");
const hostCa = generatePrivateKey("Ed25519");
const subject = publicKeyOf(generatePrivateKey("Ed25519"));
const START = Date.UTC(2030, 0, 1);
const HOUR = 3_600_000;

function issue(changes: Partial<CertificateRequest> = {}, ca = userCa): Certificate {
  return issueCertificate(ca, {
    type: "user",
    publicKey: subject,
    keyId: "alice",
    principals: ["root@prod", "deploy@prod"],
    validAfter: new Date(START),
    validBefore: new Date(START + HOUR),
    ...changes,
  });
}

const PURPOSE: CertificatePurpose = {
  type: "user",
  authorities: [publicKeyOf(userCa)],
  principal: "deploy@prod",
  now: new Date(START),
};

test("verifyCertificate accepts a good certificate and names its authority", () => {
  const [authority] = PURPOSE.authorities;
  assert.deepEqual(verifyCertificate(issue(), PURPOSE), { valid: true, authority });
  // Twice: the second answer comes from the memo.
  const certificate = issue();
  assert.equal(verifyCertificate(certificate, PURPOSE).valid, true);
  assert.equal(verifyCertificate(certificate, PURPOSE).valid, true);
});

const good = issue();

const ROWS: readonly {
  name: string;
  certificate?: Certificate;
  purpose?: Partial<CertificatePurpose>;
  want: CertificateRefusal;
  why: string;
}[] = [
  {
    name: "a host certificate for a user",
    certificate: issue({ type: "host" }),
    want: "wrong-type",
    why: "a host would log in",
  },
  {
    name: "a user certificate for a host",
    purpose: { type: "host" },
    want: "wrong-type",
    why: "a user would be a server",
  },
  {
    name: "no authority at all",
    purpose: { authorities: [] },
    want: "unknown-authority",
    why: "nothing is trusted by default",
  },
  {
    name: "another authority",
    certificate: issue({}, hostCa),
    want: "unknown-authority",
    why: "another purpose's CA",
  },
  {
    name: "itself as authority",
    purpose: { authorities: [subject] },
    want: "unknown-authority",
    why: "no self-signing",
  },
  {
    name: "a second too early",
    purpose: { now: new Date(START - 1) },
    want: "not-yet-valid",
    why: "validAfter is included",
  },
  {
    name: "a second too late",
    purpose: { now: new Date(START + HOUR) },
    want: "expired",
    why: "validBefore is excluded",
  },
  {
    name: "a window that ends before it begins",
    certificate: { ...good, validBefore: 0n },
    want: "empty-validity",
    why: "never valid",
  },
  {
    name: "a long certificate",
    purpose: { maxLifetimeSeconds: 3599 },
    want: "lifetime-too-long",
    why: "policy",
  },
  {
    name: "an endless certificate",
    certificate: { ...good, validBefore: FOREVER },
    purpose: { maxLifetimeSeconds: Number.MAX_SAFE_INTEGER },
    want: "lifetime-too-long",
    why: "forever is above any policy",
  },
  {
    name: "no principals",
    certificate: { ...good, principals: [] },
    want: "no-principals",
    why: "CVE-2024-7594",
  },
  {
    name: "a principal that is not listed",
    purpose: { principal: "admin@prod" },
    want: "principal-not-listed",
    why: "exact",
  },
  {
    name: "a listed prefix",
    purpose: { principal: "deploy@pro" },
    want: "principal-not-listed",
    why: "exact",
  },
  {
    name: "an empty principal",
    purpose: { principal: "" },
    want: "principal-not-listed",
    why: "empty is nobody",
  },
  {
    name: "two principals with a comma",
    purpose: { principal: "root@prod,deploy@prod" },
    want: "principal-not-listed",
    why: "CVE-2026-35414",
  },
  { name: "a wildcard", purpose: { principal: "*" }, want: "principal-not-listed", why: "no patterns" },
  {
    name: "an unknown critical option",
    certificate: issue({ criticalOptions: { "force-command": "ls" } }),
    want: "unknown-critical-option",
    why: "the caller does not enforce it",
  },
  {
    name: "one unknown critical option of two",
    certificate: issue({ criticalOptions: { "force-command": "ls", "verify-required": "" } }),
    purpose: { criticalOptions: ["force-command"] },
    want: "unknown-critical-option",
    why: "each counts",
  },
  {
    name: "a changed serial",
    certificate: tampered((c) => c.signedData.indexOf(subject.blob.subarray(-32)) + 32),
    want: "bad-signature",
    why: "sshpk accepts this",
  },
  {
    name: "a changed signature",
    certificate: tampered((c) => c.blob.length - 1),
    want: "bad-signature",
    why: "sshpk accepts this",
  },
];

/** One bit of the well-signed certificate is flipped. */
function tampered(at: (certificate: Certificate) => number): Certificate {
  const blob = Buffer.from(good.blob);
  const index = at(good);
  blob[index] = (blob[index] ?? 0) ^ 1;
  return parseCertificate(blob);
}

for (const row of ROWS) {
  test(`verifyCertificate refuses ${row.name}`, () => {
    const verdict = verifyCertificate(row.certificate ?? good, { ...PURPOSE, ...row.purpose });
    assert.deepEqual(verdict, { valid: false, reason: row.want }, row.why);
  });
}

test("verifyCertificate allows extensions that it does not know", () => {
  const certificate = issue({ extensions: { "session@teleport-access.io": "s-1" } });
  assert.equal(verifyCertificate(certificate, PURPOSE).valid, true);
});

test("verifyCertificate accepts any listed principal when none is asked for", () => {
  const { principal: _, ...purpose } = PURPOSE;
  assert.equal(verifyCertificate(good, purpose).valid, true);
});

test("verifyCertificate forgets an authority at once, though the signature is remembered", () => {
  assert.equal(verifyCertificate(good, PURPOSE).valid, true);
  assert.deepEqual(verifyCertificate(good, { ...PURPOSE, authorities: [publicKeyOf(hostCa)] }), {
    valid: false,
    reason: "unknown-authority",
  });
});

test("verifyCertificate accepts no certificate with a changed byte", () => {
  fc.assert(
    fc.property(fc.nat(good.blob.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const blob = Buffer.from(good.blob);
      blob[at] = (blob[at] ?? 0) ^ change;
      try {
        const { principal: _, ...purpose } = PURPOSE;
        assert.equal(verifyCertificate(parseCertificate(blob), purpose).valid, false);
      } catch (error) {
        assert.ok(error instanceof SshFormatError, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
