import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { describe, it } from "node:test";

import { SshStartupError } from "./errors.ts";
import { assertDigests, assertNativeCrypto, assertVersion, ssh2 } from "./internals.ts";
import { PINNED_FILES, PINNED_VERSION } from "./pinned-files.ts";
import { startSsh2 } from "./startup.ts";

const load = createRequire(import.meta.url);
const root = path.dirname(load.resolve("ssh2/package.json"));
function read(file: string): Buffer {
  return readFileSync(path.join(root, file));
}

describe("internals", () => {
  it("assertVersion takes the pinned version and no other", () => {
    assertVersion({ version: PINNED_VERSION });
    for (const version of ["1.17.1", "1.16.0", "^1.17.0", undefined]) {
      assert.throws(() => {
        assertVersion({ version });
      }, SshStartupError);
    }
  });
  it("assertDigests takes the installed files", () => {
    assertDigests(read);
  });
  for (const changed of Object.keys(PINNED_FILES)) {
    it(`assertDigests refuses a changed ${changed}, naming it`, () => {
      function tampered(file: string): Buffer {
        return file === changed ? Buffer.concat([read(file), Buffer.from("\n")]) : read(file);
      }
      assert.throws(
        () => {
          assertDigests(tampered);
        },
        (error) => error instanceof SshStartupError && error.message.includes(changed),
      );
    });
  }
  it("assertDigests refuses a missing file", () => {
    assert.throws(() => {
      assertDigests(() => {
        throw new Error("ENOENT");
      });
    }, SshStartupError);
  });
  it("assertNativeCrypto refuses a missing addon and one with Node's own object wrap", () => {
    const good = Buffer.from("sshcrypto");
    assertNativeCrypto({ bindingAvailable: true }, () => good);
    assert.throws(() => {
      assertNativeCrypto({ bindingAvailable: false }, () => good);
    }, SshStartupError);
    assert.throws(() => {
      assertNativeCrypto({ bindingAvailable: true }, () =>
        Buffer.from("_ZN4node28RemoveEnvironmentCleanupHookEPN2v8"),
      );
    }, SshStartupError);
  });
  it("the native addon survives a garbage collection that V8 starts by itself", () => {
    const addon = path.join(root, "lib/protocol/crypto/build/Release/sshcrypto.node");
    const script = `
      const { AESGCMCipher, AESGCMDecipher } = require(${JSON.stringify(addon)});
      for (let i = 0; i < 100; i += 1) {
        new AESGCMCipher("aes-128-gcm", Buffer.alloc(16), Buffer.alloc(12)).free();
        new AESGCMDecipher("aes-128-gcm", Buffer.alloc(16), Buffer.alloc(12));
      }
      setTimeout(() => gc({ type: "major", execution: "async" }).then(() => console.log("survived")), 10);`;
    const { status, stdout } = spawnSync(process.execPath, ["--expose-gc", "-e", script], {
      encoding: "utf8",
    });
    assert.deepEqual([status, stdout], [0, "survived\n"]);
  });
  it("PINNED_FILES lists every file of ssh2 that is loaded", () => {
    ssh2();
    const below = `${root}${path.sep}`;
    const files = Object.keys(load.cache).filter((file) => file.startsWith(below) && file.endsWith(".js"));
    const names = files.map((file) => file.slice(below.length).replaceAll(path.sep, "/"));
    assert.deepEqual(
      names.filter((name) => !(name in PINNED_FILES)),
      [],
      "a file that runs must be pinned",
    );
    for (const unused of ["lib/client.js", "lib/server.js", "lib/Channel.js", "lib/agent.js"]) {
      assert.ok(!names.includes(unused), `${unused} must not even be loaded`);
    }
  });
  it("startSsh2 reports what it found and leaves the real random generator in place", async () => {
    assert.deepEqual(await startSsh2(), { version: "1.17.0", nativeCrypto: true });
    const { randomFillSync } = load("node:crypto") as { randomFillSync: { name: string } };
    assert.equal(randomFillSync.name, "randomFillSync");
  });
});
