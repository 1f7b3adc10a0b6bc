/** `ssh proxy` without a target, with stock OpenSSH: for people, for programs, on a terminal, and typed wrongly. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { TargetsDocument } from "@teleport-access/proxy";
import { startProxyWorld } from "./proxy-world.ts";
import type { ProxyWorld } from "./proxy-world.ts";

let world: ProxyWorld;

before(async () => {
  world = await startProxyWorld();
});
after(async () => {
  await world.close();
});

describe("ssh to the proxy itself", () => {
  test("prints a table of targets and logins, with cluster state and expiry, and exits with 0", async () => {
    const { stdout, stderr, code } = await world.client().run("proxy", "");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^Signed in as alice; the certificate ends \d{4}-\d\d-\d\dT/);
    assert.match(stdout, /TARGET +LOGINS +PORTS +PERMISSIONS +CODE +EXPIRES +CLUSTER\n/);
    assert.match(stdout, new RegExp(`web-1\\.prod +${world.login} +any .* trusted, connected\\n`));
    assert.match(stdout, new RegExp(`ssh -J <this proxy> ${world.login}@web-1\\.prod\\n`));
  });

  test("prints the same as JSON", async () => {
    const { stdout, code } = await world.client().run("proxy", "targets --json");
    assert.equal(code, 0);
    const document = JSON.parse(stdout) as TargetsDocument;
    assert.equal(document.user, "alice");
    const [target] = document.targets;
    assert.deepEqual([target?.name, target?.logins, target?.connected], ["web-1.prod", [world.login], true]);
  });

  test("says which cluster has no agent, and which is suspended", async () => {
    const { login, hostCaLines: publicKeys } = world;
    world.set("TrustedHostCA", "dev", { publicKeys });
    world.set("TrustedHostCA", "old", { publicKeys, suspend: true });
    world.set("UserAccess", "more", {
      ...{ userRef: { name: "alice" }, clusters: ["dev", "old"], logins: [login] },
      targets: [{ host: "web-2" }],
    });
    try {
      const { stdout } = await world.client().run("proxy", "");
      assert.match(stdout, /web-2\.dev .* trusted, no agent connected\n/);
      assert.match(stdout, /web-2\.old .* suspended\n/);
    } finally {
      world.remove("UserAccess", "more");
    }
  });

  test("ends its lines for a terminal where there is one", async () => {
    const { stdout } = await world.client().run("proxy", "targets", ["-tt"]);
    assert.match(stdout, /Signed in as alice;[^\n]*\r\n/);
    assert.doesNotMatch(stdout, /[^\r]\n/);
  });

  for (const command of ["help", "reboot --now"]) {
    test(`answers ${JSON.stringify(command)} with one sentence and status 2`, async () => {
      const { stdout, stderr, code } = await world.client().run("proxy", command);
      assert.deepEqual([stdout, code], ["", 2]);
      assert.match(
        stderr,
        /: this proxy answers `targets` and `targets --json`; to reach a target: [^\n]+\n$/,
      );
    });
  }

  test("starts no subsystem", async () => {
    const { code, stderr } = await world.client().run("proxy", "sftp", ["-s"]);
    assert.notEqual(code, 0);
    assert.match(stderr, /subsystem request failed/);
  });
});
