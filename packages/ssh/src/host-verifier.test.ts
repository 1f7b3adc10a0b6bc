import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { publicKeyOf, signData } from "@teleport-access/sshcert";

import { NOW, testAuthority, testIdentity } from "./testing/certified.ts";
import { HostVerifier } from "./host-verifier.ts";

const authority = testAuthority();
const other = testAuthority();
const host = testIdentity(authority, { type: "host", principals: ["web-1.prod"] });
const plain = publicKeyOf(host.privateKey);
function trusting(now = NOW): HostVerifier {
  return new HostVerifier({ authorities: [authority.publicKey], hostname: "web-1.prod" }, () => now);
}
function pinning(): HostVerifier {
  return new HostVerifier({ pins: [plain] }, () => NOW);
}

describe("HostVerifier", () => {
  const rows: readonly { name: string; verifier: HostVerifier; blob: Buffer; want: boolean; why: string }[] =
    [
      {
        name: "a certificate by the authority for the name",
        verifier: trusting(),
        blob: host.certificate.blob,
        want: true,
        why: "the good case",
      },
      { name: "a pinned key", verifier: pinning(), blob: plain.blob, want: true, why: "the good case" },
      {
        name: "a certificate by another authority",
        verifier: trusting(),
        blob: testIdentity(other, { type: "host", principals: ["web-1.prod"] }).certificate.blob,
        want: false,
        why: "anybody can sign",
      },
      {
        name: "a certificate for another host",
        verifier: trusting(),
        blob: testIdentity(authority, { type: "host", principals: ["db-1.prod"] }).certificate.blob,
        want: false,
        why: "one host must not pass for another of its cluster",
      },
      {
        name: "a user certificate",
        verifier: trusting(),
        blob: testIdentity(authority, { principals: ["web-1.prod"] }).certificate.blob,
        want: false,
        why: "people are not hosts",
      },
      {
        name: "an expired certificate",
        verifier: trusting(NOW + 3_600_000),
        blob: host.certificate.blob,
        want: false,
        why: "it ends at its second",
      },
      {
        name: "the plain key where a certificate is due",
        verifier: trusting(),
        blob: plain.blob,
        want: false,
        why: "nothing vouches for it",
      },
      {
        name: "the certificate where a key is pinned",
        verifier: pinning(),
        blob: host.certificate.blob,
        want: false,
        why: "only what was pinned",
      },
      {
        name: "another key than the pinned",
        verifier: pinning(),
        blob: other.publicKey.blob,
        want: false,
        why: "that is what pins are for",
      },
      {
        name: "garbage",
        verifier: pinning(),
        blob: Buffer.from("garbage"),
        want: false,
        why: "a parse error is a refusal",
      },
      {
        name: "nothing",
        verifier: trusting(),
        blob: Buffer.alloc(0),
        want: false,
        why: "empty is never right",
      },
    ];
  for (const { name, verifier, blob, want, why } of rows) {
    it(`HostVerifier ${want ? "accepts" : "refuses"} ${name}`, () => {
      assert.equal(verifier.accept(blob), want, why);
      assert.equal(verifier.refusal?.code, want ? undefined : "SSH_HOST_KEY_MISMATCH");
    });
  }
  it("HostVerifier takes only the same key again when keys are exchanged anew", () => {
    const verifier = trusting();
    assert.ok(verifier.accept(host.certificate.blob));
    assert.ok(verifier.accept(Buffer.from(host.certificate.blob)));
    const renewed = testIdentity(authority, { type: "host", principals: ["web-1.prod"] });
    assert.equal(
      verifier.accept(renewed.certificate.blob),
      false,
      "a good certificate, but not this connection's",
    );
  });
  it("HostVerifier verifies signatures of the accepted key with exactly the named algorithm", () => {
    const hash = Buffer.alloc(32, 1);
    const signature = signData(host.privateKey, hash, "ssh-ed25519");
    const verifier = trusting();
    assert.equal(verifier.verify(hash, signature, "ssh-ed25519"), false, "no key was accepted yet");
    assert.ok(verifier.accept(host.certificate.blob));
    assert.equal(verifier.verify(hash, signature, "ssh-ed25519"), true);
    assert.equal(verifier.verify(Buffer.alloc(32, 2), signature, "ssh-ed25519"), false);
    assert.equal(verifier.verify(hash, signature, "ssh-ed25519-cert-v01@openssh.com"), false);
    assert.equal(verifier.verify(hash, signData(other.key, hash, "ssh-ed25519"), "ssh-ed25519"), false);
  });
  it("HostVerifier asks the server only for what it could accept", () => {
    assert.deepEqual(pinning().algorithms(), ["ssh-ed25519"]);
    assert.ok(
      trusting()
        .algorithms()
        .every((name) => name.endsWith("-cert-v01@openssh.com")),
    );
    assert.deepEqual(new HostVerifier({ pins: [] }, () => NOW).algorithms(), []);
  });
});
