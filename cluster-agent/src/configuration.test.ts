import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { TestContext } from "node:test";

import { createLogger, ManualClock } from "@teleport-access/daemon";
import { connect } from "@teleport-access/kube";
import { FakeApiServer, until } from "@teleport-access/testkit";
import type { AgentConfig } from "@teleport-access/wire";

import { startConfiguration } from "./configuration.ts";
import type { Configuration } from "./configuration.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-configuration-"));
after(() => {
  rmSync(folder, { recursive: true });
});
const FILE = join(folder, "config.json");
const SOON = { deadlineMs: 5000, everyMs: 5 };

/** A configuration that is told apart by its target. */
function text(host: string, cluster = "prod"): string {
  return JSON.stringify({ cluster, proxies: [], targets: [{ host, ports: [] }] });
}

function configMap(
  content: string,
  name = "prod-agent-config",
): Parameters<FakeApiServer["set"]>[0] & { data: object } {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "servers" },
    data: { "config.json": content },
  };
}

interface Started {
  readonly configuration: Configuration;
  readonly clock: ManualClock;
  readonly seen: string[];
  readonly api: FakeApiServer;
}

async function start(context: TestContext, watched: boolean): Promise<Started> {
  writeFileSync(FILE, text("from-file"));
  const api = await FakeApiServer.start();
  const clock = new ManualClock(Date.now());
  const seen: string[] = [];
  const client = await connect({ kind: "direct", connection: { server: api.url } });
  const configuration = startConfiguration({
    file: FILE,
    clock,
    log: createLogger({ program: "agent", level: "silent" }),
    changed: (config: AgentConfig) => seen.push(config.targets[0]?.host ?? ""),
    ...(watched ? { watch: { client, namespace: "servers", name: "prod-agent-config" } } : {}),
  });
  context.after(async () => {
    configuration.close();
    client.close();
    await api.close();
  });
  return { configuration, clock, seen, api };
}

test("startConfiguration begins with the mounted file", async (context) => {
  const { configuration } = await start(context, false);
  assert.equal(configuration.current.targets[0]?.host, "from-file");
});

test("startConfiguration refuses to start with a file that is not good", async (context) => {
  const { configuration } = await start(context, false);
  writeFileSync(FILE, "{}");
  assert.throws(
    () =>
      startConfiguration({
        file: FILE,
        clock: new ManualClock(),
        log: createLogger({ program: "agent", level: "silent" }),
        changed: () => undefined,
      }),
    { code: "CONFIG_INVALID", message: `${FILE}: proxies: is missing` },
  );
  configuration.close();
});

test("startConfiguration follows the ConfigMap by watch, by its name alone", async (context) => {
  const { configuration, seen, api } = await start(context, true);
  api.set(configMap(text("other"), "other-agent-config"));
  api.set(configMap(text("first")));
  await until("the first", () => seen.includes("first"), SOON);
  api.set(configMap(text("second")));
  await until("the second", () => seen.includes("second"), SOON);
  assert.deepEqual(seen, ["first", "second"]);
  assert.equal(configuration.current.targets[0]?.host, "second");
  const watch = api.requests.find(({ query }) => query.get("watch") === "true");
  assert.equal(watch?.query.get("fieldSelector"), "metadata.name=prod-agent-config");
});

test("startConfiguration keeps the last good one when the new one is bad, empty or another cluster's", async (context) => {
  const { configuration, seen, api } = await start(context, true);
  api.set(configMap(text("good")));
  await until("the good one", () => seen.includes("good"), SOON);
  api.set(configMap("{"));
  api.set(configMap(text("foreign", "other")));
  const empty = { ...configMap(""), data: {} };
  api.set(empty);
  api.remove(configMap(""));
  api.set(configMap(text("better")));
  await until("the better one", () => seen.includes("better"), SOON);
  assert.deepEqual(seen, ["good", "better"]);
  assert.equal(configuration.current.cluster, "prod");
});

test("startConfiguration does not let a lagging file undo what the watch said", async (context) => {
  const { seen, api, clock } = await start(context, true);
  api.set(configMap(text("new")));
  await until("the new one", () => seen.includes("new"), SOON);
  writeFileSync(FILE, text("older"));
  clock.advance(2_000);
  assert.deepEqual(seen, ["new"]);
});

test("startConfiguration follows the file while the API server is away", async (context) => {
  const { seen, api, clock } = await start(context, true);
  api.set(configMap(text("new")));
  await until("the new one", () => seen.includes("new"), SOON);
  await api.close();
  clock.advance(61_000);
  assert.deepEqual(seen, ["new"], "a file that has not changed is no news");
  writeFileSync(FILE, text("cut"));
  clock.advance(2_000);
  assert.deepEqual(seen, ["new", "cut"]);
});

test("startConfiguration follows the file when there is nothing to watch, past a moment without it", async (context) => {
  const { seen, clock } = await start(context, false);
  rmSync(FILE);
  clock.advance(2_000);
  writeFileSync(FILE, text("back"));
  clock.advance(2_000);
  assert.deepEqual(seen, ["back"]);
});
