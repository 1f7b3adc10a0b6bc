import assert from "node:assert/strict";
import type { KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import {
  formatCertificateLine,
  formatOpenSshPrivateKey,
  generatePrivateKey,
  issueCertificate,
  publicKeyOf,
} from "@teleport-access/sshcert";
import type { CertificateRequest } from "@teleport-access/sshcert";

import { readHostIdentity, sameCertificate } from "./host-identity.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-identity-"));
after(() => {
  rmSync(folder, { recursive: true });
});

const ca = generatePrivateKey("Ed25519");
const key = generatePrivateKey("Ed25519");
const NOW = Date.UTC(2030, 0, 1);

function write(changes: Partial<CertificateRequest> = {}, privateKey: KeyObject = key): void {
  const certificate = issueCertificate(ca, {
    type: "host",
    publicKey: publicKeyOf(key),
    keyId: "prod",
    principals: ["prod"],
    validAfter: new Date(NOW - 1000),
    validBefore: new Date(NOW + 1000),
    ...changes,
  });
  writeFileSync(join(folder, "ssh_host_ed25519_key"), formatOpenSshPrivateKey(privateKey, "prod"));
  writeFileSync(join(folder, "ssh_host_ed25519_key-cert.pub"), formatCertificateLine(certificate));
}

test("readHostIdentity reads the pair of the mounted Secret", () => {
  write();
  const identity = readHostIdentity(folder, "prod", new Date(NOW));
  assert.ok(identity.privateKey.equals(key));
  assert.deepEqual(identity.certificate.principals, ["prod"]);
  assert.ok(sameCertificate(identity.certificate, identity.certificate));
  write();
  assert.ok(
    !sameCertificate(identity.certificate, readHostIdentity(folder, "prod", new Date(NOW)).certificate),
  );
});

const BAD: readonly { name: string; prepare: () => void; want: RegExp }[] = [
  {
    name: "a user certificate",
    prepare: () => {
      write({ type: "user" });
    },
    want: /not a host certificate/,
  },
  {
    name: "another cluster's certificate",
    prepare: () => {
      write({ principals: ["other"] });
    },
    want: /does not name the cluster prod/,
  },
  {
    name: "a certificate for another key",
    prepare: () => {
      write({}, generatePrivateKey("Ed25519"));
    },
    want: /for another key/,
  },
  {
    name: "an expired certificate",
    prepare: () => {
      write({ validAfter: new Date(0), validBefore: new Date(NOW) });
    },
    want: /is expired/,
  },
  {
    name: "damage",
    prepare: () => {
      writeFileSync(join(folder, "ssh_host_ed25519_key"), "x");
    },
    want: /cannot be read/,
  },
  {
    name: "nothing",
    prepare: () => {
      rmSync(join(folder, "ssh_host_ed25519_key"));
    },
    want: /cannot be read/,
  },
];
for (const row of BAD) {
  test(`readHostIdentity refuses ${row.name}`, () => {
    row.prepare();
    assert.throws(() => readHostIdentity(folder, "prod", new Date(NOW)), {
      code: "AGENT_HOST_IDENTITY",
      message: row.want,
    });
  });
}
