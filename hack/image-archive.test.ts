import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { describeImage, writeArchive } from "./image-archive.ts";
import { IMAGES } from "./image-spec.ts";
import { tarArchive } from "./tar.ts";

const BASE = tarArchive([{ path: "usr", type: "folder", mode: 0o755 }]);
const APP = tarArchive([{ path: "app/main.js", type: "file", mode: 0o644, content: Buffer.from("1") }]);

function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

test("writeArchive writes a docker-archive whose config names user, command and both layers", async () => {
  const folder = mkdtempSync(join(tmpdir(), "teleport-access-archive-"));
  try {
    writeFileSync(join(folder, "base.tar"), BASE);
    const base = { path: join(folder, "base.tar"), digest: sha256(BASE), size: BASE.length };
    const image = describeImage(IMAGES.proxy, base, APP);
    const archive = join(folder, "proxy.tar");
    await writeArchive(image, ["teleport-access/proxy:1"], archive);
    const first = readFileSync(archive);
    await writeArchive(image, ["teleport-access/proxy:1"], archive);
    assert.deepEqual(readFileSync(archive), first, "same input, same bytes");

    function member(name: string): Buffer {
      return spawnSync("tar", ["-xOf", archive, name]).stdout;
    }
    const [manifest] = JSON.parse(member("manifest.json").toString()) as {
      Config: string;
      RepoTags: string[];
      Layers: string[];
    }[];
    assert.deepEqual(manifest?.RepoTags, ["teleport-access/proxy:1"]);
    assert.deepEqual(manifest.Layers.map(member).map(sha256), [sha256(BASE), sha256(APP)]);
    const config = JSON.parse(member(manifest.Config).toString()) as {
      config: { User: string; Entrypoint: string[] };
      rootfs: { diff_ids: string[] };
    };
    assert.equal(config.config.User, "65532:65532");
    assert.deepEqual(config.config.Entrypoint, IMAGES.proxy.entrypoint);
    assert.deepEqual(config.rootfs.diff_ids, [`sha256:${sha256(BASE)}`, `sha256:${sha256(APP)}`]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
