import assert from "node:assert/strict";
import { test } from "node:test";

import { createMetrics } from "./metrics.ts";

test("createMetrics names everything teleport_<program>_", async () => {
  const metrics = createMetrics("cluster-agent");
  metrics.counter("dials_total", "Dials.", ["outcome"]).inc({ outcome: "ok" });
  metrics.gauge("tunnels", "Tunnels.").set(2);
  metrics.histogram("dial_seconds", "Time.", [], [0.1, 1]).observe(0.5);
  const text = await metrics.registry.metrics();
  for (const line of text.split("\n")) assert.match(line, /^(# (HELP|TYPE) )?teleport_cluster_agent_|^$/);
  assert.match(text, /teleport_cluster_agent_dials_total\{outcome="ok"\} 1/);
  assert.match(text, /teleport_cluster_agent_resident_memory_bytes \d{7,}/);
});

test("createMetrics refuses names that break the form", () => {
  const metrics = createMetrics("proxy");
  assert.throws(() => metrics.counter("dials", "x"), RangeError);
  assert.throws(() => metrics.gauge("Tunnels", "x"), RangeError);
  assert.throws(() => metrics.gauge("teleport_proxy_x", "x"), RangeError);
});
