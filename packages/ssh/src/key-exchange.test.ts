import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { generatePrivateKey, publicKeyOf } from "@teleport-access/sshcert";

import { testAuthority, testIdentity } from "./testing/certified.ts";
import { SshError } from "./errors.ts";
import { hostSignatureAlgorithm, offerHostKeys } from "./key-exchange.ts";

const authority = testAuthority();
const host = testIdentity(authority, { type: "host" });

describe("offerHostKeys", () => {
  it("offerHostKeys puts certificates before the plain keys", () => {
    const { algorithms, entries } = offerHostKeys([host]);
    assert.deepEqual(algorithms, ["ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"]);
    assert.deepEqual(entries["ssh-ed25519-cert-v01@openssh.com"]?.getPublicSSH(), host.certificate.blob);
    assert.deepEqual(entries["ssh-ed25519"]?.getPublicSSH(), publicKeyOf(host.privateKey).blob);
  });
  it("offerHostKeys offers RSA with SHA-2 only", () => {
    const { algorithms } = offerHostKeys([testIdentity(authority, { type: "host" }, "RSA3072")]);
    assert.deepEqual(algorithms, [
      "rsa-sha2-512-cert-v01@openssh.com",
      "rsa-sha2-256-cert-v01@openssh.com",
      "rsa-sha2-512",
      "rsa-sha2-256",
    ]);
  });
  it("offerHostKeys lets the first key of a type win", () => {
    const { entries } = offerHostKeys([
      { privateKey: host.privateKey },
      { privateKey: generatePrivateKey("Ed25519") },
    ]);
    assert.deepEqual(entries["ssh-ed25519"]?.getPublicSSH(), publicKeyOf(host.privateKey).blob);
  });
  it("offerHostKeys refuses no key, a user certificate and another key's certificate", () => {
    assert.throws(() => offerHostKeys([]), SshError);
    assert.throws(() => offerHostKeys([testIdentity(authority)]), SshError);
    const wrong = { privateKey: generatePrivateKey("Ed25519"), certificate: host.certificate };
    assert.throws(() => offerHostKeys([wrong]), SshError);
  });
  it("hostSignatureAlgorithm names the plain algorithm behind a certificate's", () => {
    assert.equal(hostSignatureAlgorithm("rsa-sha2-256-cert-v01@openssh.com"), "rsa-sha2-256");
    assert.equal(hostSignatureAlgorithm("ssh-ed25519"), "ssh-ed25519");
  });
});
