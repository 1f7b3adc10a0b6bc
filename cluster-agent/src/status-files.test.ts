import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { ManualClock } from "@teleport-access/daemon";

import { probe } from "./probe.ts";
import { startStatusFiles } from "./status-files.ts";

const parent = mkdtempSync(join(tmpdir(), "agent-status-"));
after(() => {
  rmSync(parent, { recursive: true });
});

test("startStatusFiles and probe agree on live and ready", () => {
  const folder = join(parent, "run");
  const clock = new ManualClock();
  assert.equal(probe("live", folder, clock.now()), false, "not started");
  const files = startStatusFiles(folder, clock);
  clock.advance(60_000);
  assert.equal(probe("live", folder, clock.now()), true);
  assert.equal(probe("live", folder, clock.now() + 19_000), true);
  assert.equal(probe("live", folder, clock.now() + 21_000), false, "the event loop hangs");

  assert.equal(probe("ready", folder, clock.now()), false);
  files.setReady(true);
  files.setReady(true);
  assert.equal(probe("ready", folder, clock.now()), true);
  files.setReady(false);
  assert.equal(probe("ready", folder, clock.now()), false);

  files.setReady(true);
  files.close();
  assert.equal(existsSync(join(folder, "ready")), false);
  assert.equal(clock.timers, 0);
});

test("startStatusFiles does not believe the files of the process before it", () => {
  const folder = join(parent, "again");
  const clock = new ManualClock();
  startStatusFiles(folder, clock).setReady(true);
  startStatusFiles(folder, clock);
  assert.equal(probe("ready", folder, clock.now()), false);
});

test("probe knows two words", () => {
  assert.equal(probe(undefined, parent, 0), false);
  assert.equal(probe("../run/live", parent, 0), false);
});
