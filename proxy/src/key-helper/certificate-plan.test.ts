import assert from "node:assert/strict";
import { test } from "node:test";
import { generatePrivateKey, issueCertificate, publicKeyOf } from "@teleport-access/sshcert";
import type { Certificate, CertificateRequest } from "@teleport-access/sshcert";
import { planCertificate, renewalTime } from "./certificate-plan.ts";

const NOW = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;
const caKey = generatePrivateKey("Ed25519");
const publicKey = publicKeyOf(generatePrivateKey("Ed25519"));

function make(change: Partial<CertificateRequest> = {}, signer = caKey): Certificate {
  return issueCertificate(signer, {
    type: "user",
    publicKey,
    keyId: "alice",
    principals: ["deploy@prod", "root@prod"],
    validAfter: new Date(NOW),
    validBefore: new Date(NOW + 9 * HOUR),
    extensions: { "permit-pty": "", "session@teleport-access.io": "s-1" },
    ...change,
  });
}

test("planCertificate sends the first certificate", () => {
  assert.equal(planCertificate(undefined, make(), NOW), "first");
});

test("planCertificate keeps a certificate while nothing but its serial and times would change", () => {
  const current = make();
  assert.equal(planCertificate(current, make(), NOW), "keep");
  const order = make({ principals: ["root@prod", "deploy@prod"] });
  assert.equal(planCertificate(current, order, NOW), "keep");
  assert.equal(planCertificate(current, make({ validBefore: new Date(NOW + 10 * HOUR) }), NOW), "keep");
});

test("planCertificate sends a new one when what it says has changed, wider or narrower", () => {
  const current = make();
  const changes: readonly Partial<CertificateRequest>[] = [
    { principals: ["deploy@prod"] },
    { principals: ["deploy@prod", "root@prod", "root@lab"] },
    { extensions: { "session@teleport-access.io": "s-1" } },
    { extensions: { "permit-pty": "", "session@teleport-access.io": "s-2" } },
  ];
  for (const change of changes) assert.equal(planCertificate(current, make(change), NOW), "changed");
  assert.equal(planCertificate(current, make({}, generatePrivateKey("Ed25519")), NOW), "changed");
});

test("planCertificate renews after two thirds of the lifetime, if that makes it last longer", () => {
  const current = make();
  assert.equal(renewalTime(current), NOW + 6 * HOUR);
  const longer = make({ validBefore: new Date(NOW + 14 * HOUR) });
  assert.equal(planCertificate(current, longer, NOW + 6 * HOUR - 1000), "keep");
  assert.equal(planCertificate(current, longer, NOW + 6 * HOUR), "renewed");
  // The sign-in ends with the certificate: a new one would end at the same moment.
  assert.equal(planCertificate(current, make(), NOW + 8 * HOUR), "keep");
});

test("planCertificate replaces a certificate that would outlive what is granted now", () => {
  assert.equal(planCertificate(make(), make({ validBefore: new Date(NOW + HOUR) }), NOW), "shortened");
});
