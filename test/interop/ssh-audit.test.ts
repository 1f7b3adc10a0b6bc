/**
 * What a stranger's scanner finds: ssh-audit 3.3 against both SSH ports of the real proxy, no
 * failure and no warning. And what the newest stock client says: nothing.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { after, before, test } from "node:test";
import { openSshMatrix, runCommand } from "@teleport-access/testkit";
import { startProxyWorld } from "./proxy-world.ts";
import type { ProxyWorld } from "./proxy-world.ts";

let world: ProxyWorld;
before(async () => {
  world = await startProxyWorld();
});
after(async () => {
  await world.close();
});

/** Where ssh-audit's modules are, or one sentence why they are not. */
function findSshAudit(): { readonly folder: string } | { readonly missing: string } {
  try {
    const script = path.join(import.meta.dirname, "../../hack/ssh-audit.sh");
    return { folder: execFileSync(script, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim() };
  } catch (error) {
    const { stderr } = error as { stderr?: unknown };
    return { missing: typeof stderr === "string" ? stderr.trim() : String(error) };
  }
}

const sshAudit = findSshAudit();

for (const port of ["ssh", "tunnel"] as const)
  test(
    `ssh-audit finds no failure and no warning at the ${port} port`,
    { skip: "missing" in sshAudit ? sshAudit.missing : false },
    async () => {
      const PYTHONPATH = "folder" in sshAudit ? sshAudit.folder : "";
      // 0: good, 2: warnings, 3: failures. The rate test would run into the limit it asks about.
      const found = await runCommand(
        "python3",
        ["-m", "ssh_audit.ssh_audit", "--skip-rate-test", "-n", "-p", String(world.ports[port]), "127.0.0.1"],
        { env: { ...process.env, PYTHONPATH, NO_COLOR: "1" }, timeoutMs: 60_000 },
      );
      assert.equal(found.code, 0, found.stdout + found.stderr);
      assert.match(found.stdout, /\(kex\) mlkem768x25519-sha256/);
      assert.doesNotMatch(found.stdout, /\[(?:fail|warn)\]/);
    },
  );

for (const openSsh of openSshMatrix().installed)
  test(`${openSsh.version} goes through both hops without a word on stderr`, async () => {
    const ssh = openSsh.program("ssh");
    const config = world.client().configPath;
    const args = [
      "-F",
      config,
      "-o",
      "BatchMode=yes",
      "-o",
      `ProxyCommand=${ssh} -F ${config} -W %h:%p proxy`,
    ];
    const result = await runCommand(ssh, [...args, `${world.login}@web-1.prod`, "echo here"]);
    assert.deepEqual([result.stdout, result.stderr, result.code], ["here\n", "", 0]);
    const verbose = await runCommand(ssh, ["-v", "-F", config, "-o", "BatchMode=yes", "proxy", "true"]);
    const postQuantum = Number(/_(\d+)\./.exec(openSsh.version)?.[1]) >= 10;
    if (postQuantum) assert.match(verbose.stderr, /kex: algorithm: mlkem768x25519-sha256/);
    assert.match(verbose.stderr, /cipher: aes\d+-gcm@openssh\.com/);
  });
