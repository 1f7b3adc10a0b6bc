import assert from "node:assert/strict";
import { test } from "node:test";

import { startHealthServer } from "./health.ts";
import { createMetrics } from "./metrics.ts";

test("startHealthServer answers probes and metrics, and nothing else", async () => {
  let live = true;
  let problems: string[] = [];
  const metrics = createMetrics("proxy");
  const server = await startHealthServer({
    host: "127.0.0.1",
    port: 0,
    live: () => live,
    ready: () => problems,
    metrics,
  });
  async function get(path: string, method = "GET"): Promise<[number, string]> {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    return [response.status, await response.text()];
  }
  try {
    assert.deepEqual(await get("/livez"), [200, "ok\n"]);
    assert.deepEqual(await get("/readyz?verbose"), [200, "ok\n"]);
    live = false;
    problems = ["no tunnel", "access list not synced"];
    assert.deepEqual(await get("/livez"), [503, "not live\n"]);
    assert.deepEqual(await get("/readyz"), [503, "no tunnel\naccess list not synced\n"]);
    const [status, text] = await get("/metrics");
    assert.equal(status, 200);
    assert.match(text, /teleport_proxy_cpu_seconds/);
    assert.equal((await get("/"))[0], 404);
    assert.equal((await get("/livez", "POST"))[0], 405);
  } finally {
    await server.close();
  }
  await assert.rejects(get("/livez"));
});

test("startHealthServer fails when the port is taken", async () => {
  const metrics = createMetrics("proxy");
  const options = { host: "127.0.0.1", live: () => true, ready: () => [], metrics };
  const first = await startHealthServer({ ...options, port: 0 });
  await assert.rejects(startHealthServer({ ...options, port: first.port }), { code: "EADDRINUSE" });
  await first.close();
});
