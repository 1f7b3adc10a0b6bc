import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createLogger, ManualClock } from "@teleport-access/daemon";
import { FakeApiServer, teleportProxy } from "@teleport-access/testkit";
import { connect } from "./connect.ts";
import { createEventRecorder, type EventRecorder } from "./events.ts";

const NOTE = {
  type: "Warning",
  reason: "KeyMissing",
  action: "Reconcile",
  note: "the Secret is gone",
} as const;

async function recorder(server: FakeApiServer, lines: string[] = []): Promise<EventRecorder> {
  return createEventRecorder({
    client: await connect({ kind: "direct", connection: { server: server.url } }),
    controller: "teleport-access.io/operator",
    instance: "operator-1",
    log: createLogger({ program: "test", destination: { write: (line: string) => void lines.push(line) } }),
    clock: new ManualClock(Date.UTC(2026, 0, 1)),
  });
}

describe("createEventRecorder", { timeout: 5_000 }, () => {
  test("record writes an event about the object into its namespace", async () => {
    await using server = await FakeApiServer.start();
    const events = await recorder(server);
    const proxy = teleportProxy();
    events.record(proxy, NOTE);
    await events.settled();
    const [event] = server.all("Event");
    assert.equal(event?.apiVersion, "events.k8s.io/v1");
    assert.equal(event.metadata.namespace, "acme");
    assert.match(event.metadata.name, /^main\.[0-9a-f]+$/);
    assert.equal(event["eventTime"], "2026-01-01T00:00:00.000000Z");
    assert.equal(event["reason"], "KeyMissing");
    assert.deepEqual(event["regarding"], {
      apiVersion: "teleport-access.io/v1alpha1",
      kind: "TeleportProxy",
      namespace: "acme",
      name: "main",
      uid: proxy.metadata.uid,
      resourceVersion: proxy.metadata.resourceVersion,
    });
  });

  test("record cuts a note that the API server would refuse", async () => {
    await using server = await FakeApiServer.start();
    const events = await recorder(server);
    events.record(teleportProxy(), { ...NOTE, note: "a".repeat(5000) });
    await events.settled();
    assert.equal((server.all("Event")[0]?.["note"] as string).length, 1024);
  });

  test("record never fails its caller, and drops what is too much", async () => {
    await using server = await FakeApiServer.start();
    const lines: string[] = [];
    const events = await recorder(server, lines);
    server.fail({ kind: "status", status: 403 }, {}, 1000);
    for (let i = 0; i < 60; i++) events.record(teleportProxy(), NOTE);
    await events.settled();
    assert.equal(server.requests.length, 50);
    assert.equal(lines.filter((line) => line.includes("event dropped")).length, 10);
  });
});
