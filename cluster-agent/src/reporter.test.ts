import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { createLogger, ManualClock } from "@teleport-access/daemon";
import { connect } from "@teleport-access/kube";
import { FakeApiServer, until } from "@teleport-access/testkit";
import { parseAgentReport } from "@teleport-access/wire";
import type { AgentReport } from "@teleport-access/wire";

import { Reporter } from "./reporter.ts";

const SOON = { deadlineMs: 5000, everyMs: 5 };

interface Started {
  readonly api: FakeApiServer;
  readonly clock: ManualClock;
  readonly reporter: Reporter;
  /** Sets what the agent sees. */
  see(...replicas: string[]): void;
  /** What the ConfigMap holds of this pod. */
  written(pod?: string): AgentReport | undefined;
  patches(): number;
}

async function start(
  context: TestContext,
  podName = "prod-agent-1",
  given?: FakeApiServer,
): Promise<Started> {
  const api = given ?? (await FakeApiServer.start());
  if (given === undefined) {
    api.set({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "prod-agent-report", namespace: "servers" },
    });
  }
  const clock = new ManualClock(Date.now());
  const client = await connect({ kind: "direct", connection: { server: api.url } });
  let replicas: readonly string[] = [];
  const reporter = new Reporter({
    client,
    namespace: "servers",
    name: "prod-agent-report",
    podName,
    clock,
    log: createLogger({ program: "agent", level: "silent" }),
    report: () => ({
      pod: podName,
      time: new Date(clock.now()).toISOString(),
      targetsDigest: `sha256:${"0".repeat(64)}`,
      userCAFingerprints: [],
      proxies: [{ name: "main", replicas, trustedHostCAFingerprints: [] }],
    }),
  });
  context.after(async () => {
    client.close();
    if (given === undefined) await api.close();
  });
  return {
    api,
    clock,
    reporter,
    see(...names) {
      replicas = names;
      reporter.changed();
      clock.advance(0);
    },
    written(pod = podName) {
      const object = api.get("ConfigMap", "servers", "prod-agent-report") as unknown as {
        data?: Record<string, string>;
      };
      const text = object.data?.[pod];
      return text === undefined ? undefined : parseAgentReport(JSON.parse(text));
    },
    patches: () => api.requests.filter(({ method }) => method === "PATCH").length,
  };
}

function replicasOf(report: AgentReport | undefined): readonly string[] | undefined {
  return report?.proxies[0]?.replicas;
}

/** Lets time pass until the world is so. */
async function later(started: Started, condition: () => boolean): Promise<void> {
  await until(
    "a later report",
    () => {
      started.clock.advance(500);
      return condition();
    },
    SOON,
  );
}

test("Reporter writes its pod's key by server-side apply, under its own manager", async (context) => {
  const started = await start(context);
  started.see("main-a");
  await until("the report", () => replicasOf(started.written())?.[0] === "main-a", SOON);
  const [patch] = started.api.requests.filter(({ method }) => method === "PATCH");
  assert.equal(patch?.query.get("fieldManager"), "teleport-access-agent/prod-agent-1");
  assert.equal(patch.headers["content-type"], "application/apply-patch+yaml");
});

test("Reporter writes at most once in two seconds, and the newest last", async (context) => {
  const started = await start(context);
  started.see("one");
  await until("the first", () => started.written() !== undefined, SOON);
  for (const name of ["two", "three", "four"]) started.see(name);
  started.clock.advance(1_900);
  assert.equal(started.patches(), 1);
  await later(started, () => replicasOf(started.written())?.[0] === "four");
  assert.equal(started.patches(), 2);
});

test("Reporter writes nothing when only the time is new", async (context) => {
  const started = await start(context);
  started.see("one");
  await until("the first", () => started.written() !== undefined, SOON);
  started.clock.advance(10_000);
  started.see("one");
  started.clock.advance(10_000);
  assert.equal(started.patches(), 1);
});

test("Reporter tries again when the API server fails", async (context) => {
  const started = await start(context);
  started.api.fail({ kind: "status", status: 500 }, { method: "PATCH" }, 2);
  started.see("one");
  await later(started, () => replicasOf(started.written())?.[0] === "one");
});

test("Reporter keeps to its own key and takes it out at the end", async (context) => {
  const first = await start(context);
  const second = await start(context, "prod-agent-2", first.api);
  first.see("a");
  second.see("b");
  await until("both", () => first.written() !== undefined && second.written() !== undefined, SOON);
  await second.reporter.close();
  assert.equal(second.written(), undefined);
  assert.deepEqual(replicasOf(first.written()), ["a"]);
});

test("Reporter close survives an API server that is away", async (context) => {
  const started = await start(context);
  await started.api.close();
  await started.reporter.close();
});
