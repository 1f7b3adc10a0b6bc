/**
 * The proxy's main.ts but for two things: its ports are free ones, which it tells its parent, and its API
 * server is the one in CHAOS_API.
 */
import {
  createLogger,
  createMetrics,
  onShutdown,
  startHealthServer,
  systemClock,
} from "@teleport-access/daemon";
import { connect } from "@teleport-access/kube";
import { createProxy, createWebServer, readEnvironment, readMountedKeys } from "@teleport-access/proxy";
import { startSsh2 } from "@teleport-access/ssh";

const DRAIN_MS = 3_000;

const clock = systemClock;
const log = createLogger({ program: "proxy" });
const environment = { ...readEnvironment(), listenHost: "127.0.0.1" };
await startSsh2();
const metrics = createMetrics("proxy");
const server = process.env["CHAOS_API"] ?? "";
const proxy = await createProxy({
  environment,
  keys: readMountedKeys(environment, { clock, log }),
  kube: await connect({ kind: "direct", connection: { server } }, { clock }),
  clock,
  log,
  metrics,
  createWeb: (deps) => createWebServer({ ...deps, uiDirectory: process.env["CHAOS_UI"] ?? "" }),
});
const health = await startHealthServer({
  port: 0,
  host: "127.0.0.1",
  live: () => true,
  ready: () => proxy.notReady(),
  metrics,
});
onShutdown(
  async () => {
    await proxy.shutDown(DRAIN_MS);
    await health.close();
  },
  { graceMs: 2 * DRAIN_MS },
);
const ports = await proxy.listen({ web: 0, ssh: 0, tunnel: 0 });
process.send?.({ ports: { ...ports, health: health.port } });
