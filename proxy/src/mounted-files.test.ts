import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { createLogger, ManualClock } from "@teleport-access/daemon";
import { watchMountedFiles } from "./mounted-files.ts";
import type { MountedFiles } from "./mounted-files.ts";

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A volume as the kubelet makes one: files are links through `..data`, which is swung at once. */
interface Volume {
  readonly directory: string;
  readonly write: (texts: Readonly<Record<string, string>>) => void;
}

function createVolume(texts: Readonly<Record<string, string>>): Volume {
  const directory = mkdtempSync(join(tmpdir(), "mounted-"));
  folders.push(directory);
  let round = 0;
  function write(next: Readonly<Record<string, string>>): void {
    const data = `..${round++}`;
    mkdirSync(join(directory, data));
    for (const [name, text] of Object.entries(next)) writeFileSync(join(directory, data, name), text);
    symlinkSync(data, join(directory, "..data_tmp"));
    renameSync(join(directory, "..data_tmp"), join(directory, "..data"));
  }
  write(texts);
  for (const name of Object.keys(texts)) symlinkSync(join("..data", name), join(directory, name));
  return { directory, write };
}

function watch(directory: string, clock: ManualClock): MountedFiles<string> {
  return watchMountedFiles({
    ...{ directory, clock, log: createLogger({ program: "proxy", level: "silent" }) },
    names: ["a", "b"],
    parse: ({ a, b }) => {
      if (a !== b) throw new Error("a and b do not fit");
      return a;
    },
  });
}

describe("watchMountedFiles()", () => {
  test("watchMountedFiles() reads again when the kubelet swings the volume", () => {
    const clock = new ManualClock();
    const { directory, write } = createVolume({ a: "1", b: "1" });
    const files = watch(directory, clock);
    const seen: string[] = [];
    files.onChange((value) => seen.push(value));
    clock.advance(10_000);
    assert.deepEqual(seen, []);
    write({ a: "two", b: "two" });
    clock.advance(2000);
    assert.deepEqual([seen, files.current()], [["two"], "two"]);
    files.close();
  });

  test("watchMountedFiles() keeps the last good content while the new one does not fit or is away", () => {
    const clock = new ManualClock();
    const { directory, write } = createVolume({ a: "1", b: "1" });
    const files = watch(directory, clock);
    write({ a: "x", b: "yy" });
    clock.advance(2000);
    assert.equal(files.current(), "1");
    write({});
    clock.advance(2000);
    assert.equal(files.current(), "1");
    write({ a: "three", b: "three" });
    clock.advance(2000);
    assert.equal(files.current(), "three");
    files.close();
  });

  test("watchMountedFiles() throws when there is nothing good to begin with", () => {
    const { directory } = createVolume({ a: "1", b: "2" });
    assert.throws(() => watch(directory, new ManualClock()), /do not fit/);
    assert.throws(() => watch(join(directory, "missing"), new ManualClock()), /ENOENT/);
  });
});
