import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { formatCertificateLine } from "./certificate.ts";
import { publicKeyOf } from "./key.ts";
import { generatePrivateKey } from "./private-key.ts";
import type { KeyAlgorithm } from "./private-key.ts";
import { IssueError, issueCertificate } from "./sign.ts";
import type { CertificateRequest, IssueRefusal } from "./sign.ts";

const folder = mkdtempSync(join(tmpdir(), "sshcert-sign-"));
after(() => {
  rmSync(folder, { recursive: true });
});

const caKey = generatePrivateKey("Ed25519");
const REQUEST: CertificateRequest = {
  type: "user",
  publicKey: publicKeyOf(generatePrivateKey("Ed25519")),
  keyId: "alice",
  principals: ["root@prod"],
  serial: 42n,
  validAfter: new Date(Date.UTC(2030, 5, 1, 10, 0, 0, 900)),
  validBefore: new Date(Date.UTC(2030, 5, 1, 18)),
};

/** What the real program reads in our certificate, in UTC. */
function listed(request: CertificateRequest, ca = caKey): string[] {
  const path = join(folder, "c-cert.pub");
  writeFileSync(path, formatCertificateLine(issueCertificate(ca, request)));
  const text = execFileSync("ssh-keygen", ["-L", "-f", path], {
    encoding: "utf8",
    env: { ...process.env, TZ: "UTC" },
  });
  return text.split("\n").map((line) => line.trim());
}

const ALGORITHMS: readonly KeyAlgorithm[] = ["Ed25519", "ECDSAP256", "ECDSAP384", "RSA3072"];

for (const algorithm of ALGORITHMS) {
  test(`issueCertificate makes what ssh-keygen -L reads, signed with ${algorithm}`, () => {
    const lines = listed(
      {
        ...REQUEST,
        publicKey: publicKeyOf(generatePrivateKey(algorithm)),
        criticalOptions: { "source-address": "192.0.2.0/24" },
        extensions: { "session@teleport-access.io": "s-1", "permit-pty": "" },
      },
      generatePrivateKey(algorithm),
    );
    const expected = [
      'Key ID: "alice"',
      "Serial: 42",
      "Valid: from 2030-06-01T10:00:00 to 2030-06-01T18:00:00",
      "root@prod",
      "source-address 192.0.2.0/24",
      "permit-pty",
      "session@teleport-access.io UNKNOWN OPTION: 00000003732d31 (len 7)",
    ];
    for (const line of expected)
      assert.ok(lines.includes(line), `${line} is missing in\n${lines.join("\n")}`);
    if (algorithm === "RSA3072")
      assert.ok(
        lines.some((line) => line.endsWith("(using rsa-sha2-512)")),
        "no SHA-1",
      );
  });
}

test("issueCertificate makes a host certificate", () => {
  assert.match(
    listed({ ...REQUEST, type: "host", principals: ["web-1.prod"] }).join("\n"),
    /host certificate/,
  );
});

test("issueCertificate takes a random serial and nonce when none is given", () => {
  const { serial: _, ...request } = REQUEST;
  const [a, b] = [issueCertificate(caKey, request), issueCertificate(caKey, request)];
  assert.notEqual(a.serial, b.serial);
  assert.ok(a.serial > 0n && a.serial < 2n ** 63n);
  const zero = issueCertificate(caKey, { ...request, random: (size) => Buffer.alloc(size) });
  assert.equal(zero.serial, 1n, "0 means that there is no serial");
});

const BAD_PRINCIPALS = [
  "",
  "a,b",
  "*",
  "web-?",
  "a b",
  "a\tb",
  "a\n",
  "a\0",
  "!root",
  "-root",
  "r\u00f6ot",
  "a\\b",
  'a"b',
];

const REFUSED: readonly {
  name: string;
  change: Partial<CertificateRequest>;
  want: IssueRefusal;
  why: string;
}[] = [
  { name: "no principals", change: { principals: [] }, want: "no-principals", why: "CVE-2024-7594" },
  {
    name: "257 principals",
    change: { principals: Array.from({ length: 257 }, (_, i) => `p${i}`) },
    want: "too-many-principals",
    why: "OpenSSH refuses the certificate",
  },
  ...BAD_PRINCIPALS.map((principal) => ({
    name: `the principal ${JSON.stringify(principal)}`,
    change: { principals: ["root@prod", principal] },
    want: "bad-principal" as const,
    why: "CVE-2026-35414",
  })),
  {
    name: "an empty key id",
    change: { keyId: "" },
    want: "bad-key-id",
    why: "the audit log would name nobody",
  },
  {
    name: "a key id of two lines",
    change: { keyId: "alice\nbob" },
    want: "bad-key-id",
    why: "forged log lines",
  },
  {
    name: "a window of no seconds",
    change: { validBefore: new Date(Date.UTC(2030, 5, 1, 10)) },
    want: "bad-validity",
    why: "never valid",
  },
  {
    name: "an invalid date",
    change: { validBefore: new Date(Number.NaN) },
    want: "bad-validity",
    why: "a bug upstream",
  },
  {
    name: "a date before 1970",
    change: { validAfter: new Date(-1) },
    want: "bad-validity",
    why: "would wrap around",
  },
  { name: "a negative serial", change: { serial: -1n }, want: "bad-serial", why: "64 bits" },
  { name: "a serial of 65 bits", change: { serial: 2n ** 64n }, want: "bad-serial", why: "64 bits" },
  {
    name: "an option with a newline",
    change: { criticalOptions: { "force-command": "a\nb" } },
    want: "bad-option",
    why: "printed by sshd",
  },
  {
    name: "an option name with a space",
    change: { extensions: { "a b": "" } },
    want: "bad-option",
    why: "no such name",
  },
  {
    name: "an RSA key of 2048 bits",
    change: { publicKey: publicKeyOf(generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey) },
    want: "weak-key",
    why: "people's keys have 3072",
  },
];

for (const row of REFUSED) {
  test(`issueCertificate refuses ${row.name}`, () => {
    assert.throws(
      () => issueCertificate(caKey, { ...REQUEST, ...row.change }),
      (error) => error instanceof IssueError && error.reason === row.want,
      row.why,
    );
  });
}
