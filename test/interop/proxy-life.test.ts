/**
 * What live sessions go through: an API server that is away, a CA key that is rotated out, a proxy that shuts
 * down. With stock OpenSSH at both ends.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { generatePrivateKey } from "@teleport-access/sshcert";
import type { RunningCommand } from "@teleport-access/testkit";
import { startProxyWorld } from "./proxy-world.ts";
import type { ProxyWorld } from "./proxy-world.ts";

let world: ProxyWorld;

function hold(): Promise<RunningCommand> {
  return world.client().holdStream(`${world.login}@web-1.prod`);
}

describe("a proxy", () => {
  before(async () => {
    world = await startProxyWorld();
  });
  after(async () => {
    await world.close();
  });

  test("loses no session while the API server is away, and cuts what was revoked meanwhile as soon as it is back", async () => {
    const session = await hold();
    const { port } = world.api;
    await world.api.close();
    const seen = session.stdout().length;
    await session.waitFor(new RegExp(`^[^]{${seen + 300}}`), 10_000);
    world.remove("UserAccess", "alice-prod");
    assert.equal(session.exitedAt(), undefined);
    await world.api.listen(port);
    await session.exited;
    await world.audited({ event: "session.end", outcome: "denied", reason: "no-grant" });
    await world.reset();
  });

  test("cuts sessions whose certificate was signed with a CA key that is rotated out", async () => {
    const session = await hold();
    world.rotateUserCa(generatePrivateKey("Ed25519"));
    await session.exited;
    await world.audited({
      event: "session.end",
      reason: "certificate-unknown-authority",
      target: "web-1.prod",
    });
    const again = await world.client().run("proxy", "targets");
    assert.equal(again.code, 255);
    await world.audited({ event: "ssh.auth", outcome: "denied", reason: "certificate-unknown-authority" });
    world.rotateUserCa(world.keys.userCa);
  });

  test("lets sessions finish when it shuts down, and takes no new ones", async () => {
    const session = await hold();
    const ending = world.proxy.shutDown(60_000);
    assert.deepEqual(world.proxy.notReady(), ["shutting down"]);
    assert.equal((await world.client().run("proxy", "targets")).code, 255);
    const seen = session.stdout().length;
    await session.waitFor(new RegExp(`^[^]{${seen + 300}}`), 10_000);
    await session.stop();
    await ending;
    await world.audited({ event: "tunnel.down" });
  });
});
