import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { formatOpenSshPrivateKey, generatePrivateKey } from "@teleport-access/sshcert";
import { sshdConfig, sshdReadme, trustedUserCaKeys } from "./sshd.ts";

const SSHD = "/usr/sbin/sshd";

test("sshdConfig names the cluster and each host as scopes of the login", () => {
  const text = sshdConfig("prod", ["web-1", "www"]);
  assert.match(
    text,
    /^AuthorizedPrincipalsCommand \/usr\/bin\/printf "%%s\\n" %u@prod %u@web-1\.prod %u@www\.prod$/m,
  );
  assert.match(text, /^AuthorizedKeysFile none$/m);
});

test("sshdConfig is what a stock sshd accepts", { skip: existsSync(SSHD) ? false : "no sshd here" }, () => {
  const folder = mkdtempSync(join(tmpdir(), "teleport-access-sshd-"));
  const key = join(folder, "key");
  writeFileSync(key, formatOpenSshPrivateKey(generatePrivateKey("Ed25519"), "test"), { mode: 0o600 });
  const config = join(folder, "sshd_config");
  // The files of the fragment are on servers only; sshd -T reads none but the host key.
  const text = sshdConfig("prod", ["web-1"])
    .replace(/^HostKey .*$/m, `HostKey ${key}`)
    .replace(/^HostCertificate .*\n/m, "");
  writeFileSync(config, text);
  const { stdout, stderr, status } = spawnSync(SSHD, ["-T", "-f", config], { encoding: "utf8" });
  rmSync(folder, { recursive: true });
  if (/privilege separation directory/i.test(stderr)) return;
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^authorizedprincipalscommand \/usr\/bin\/printf "%%s\\n" %u@prod %u@web-1\.prod$/m);
  assert.match(stdout, /^authorizedprincipalscommanduser nobody$/m);
  assert.match(stdout, /^passwordauthentication no$/m);
});

test("trustedUserCaKeys lists each key once and leaves suspended proxies out", () => {
  const keys = trustedUserCaKeys([
    { userCAKeys: ["a", "b"], suspend: false },
    { userCAKeys: ["b"], suspend: false },
    { userCAKeys: ["c"], suspend: true },
  ]);
  assert.equal(keys, "a\nb\n");
});

test("sshdReadme says where the files go and to exempt the agents from penalties", () => {
  assert.match(sshdReadme("prod"), /\/etc\/teleport-access\/sshd\/teleport_user_ca\.pub/);
  assert.match(sshdReadme("prod"), /PerSourcePenaltyExemptList/);
});
