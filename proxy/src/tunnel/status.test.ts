import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createLogger, ManualClock } from "@teleport-access/daemon";
import { KubeError } from "@teleport-access/kube";
import type { KubeClient } from "@teleport-access/kube";
import { createTunnelStatusWriter } from "./status.ts";
import type { TunnelStatusWriter } from "./status.ts";

interface World {
  readonly clock: ManualClock;
  readonly writer: TunnelStatusWriter;
  readonly writes: string[];
  readonly counts: Map<string, number>;
  /** Lets promises that are done tell so. */
  readonly settle: () => Promise<void>;
}

function createWorld(fail?: KubeError): World {
  const clock = new ManualClock();
  const writes: string[] = [];
  const counts = new Map<string, number>();
  const applyStatus = ((
    _ref: unknown,
    object: { metadata: { name: string }; status: unknown },
    options: unknown,
  ) => {
    const { proxies } = object.status as { proxies: { tunnels: number }[] };
    const { fieldManager } = options as { fieldManager: string };
    writes.push(`${fieldManager} ${object.metadata.name} ${proxies.map((p) => p.tunnels).join()}`);
    return fail === undefined ? Promise.resolve(object) : Promise.reject(fail);
  }) as unknown as KubeClient["applyStatus"];
  const writer = createTunnelStatusWriter({
    kube: { applyStatus },
    namespace: "acme",
    pod: "acme-0",
    clock,
    log: createLogger({ program: "proxy", level: "silent" }),
    count: (cluster) => counts.get(cluster) ?? 0,
  });
  return {
    ...{ clock, writer, writes, counts },
    settle: () => new Promise((resolve) => setImmediate(resolve)),
  };
}

describe("createTunnelStatusWriter()", () => {
  test("createTunnelStatusWriter() applies this pod's entry, at most once in five seconds", async () => {
    const { clock, writer, writes, counts, settle } = createWorld();
    counts.set("prod", 1);
    writer.changed("prod");
    clock.advance(0);
    await settle();
    assert.deepEqual(writes, ["teleport-access-proxy/acme-0 prod 1"]);
    counts.set("prod", 2);
    writer.changed("prod");
    counts.set("prod", 3);
    writer.changed("prod");
    clock.advance(4999);
    await settle();
    assert.equal(writes.length, 1);
    clock.advance(1);
    await settle();
    assert.deepEqual(writes.slice(1), ["teleport-access-proxy/acme-0 prod 3"]);
  });

  test("createTunnelStatusWriter() tries again when the API server is away, and not when it says no", async () => {
    for (const [code, tries] of [
      ["KUBE_UNREACHABLE", 2],
      ["KUBE_FORBIDDEN", 1],
      ["KUBE_NOT_FOUND", 1],
    ] as const) {
      const { clock, writer, writes, settle } = createWorld(new KubeError(code, "no"));
      writer.changed("prod");
      clock.advance(0);
      await settle();
      clock.advance(5000);
      await settle();
      assert.equal(writes.length, tries, code);
    }
  });

  test("createTunnelStatusWriter() takes its entries back at the end", async () => {
    const { clock, writer, writes, counts, settle } = createWorld();
    counts.set("prod", 1);
    writer.changed("prod");
    clock.advance(0);
    await settle();
    await writer.close();
    assert.deepEqual(writes.at(-1), "teleport-access-proxy/acme-0 prod ");
  });
});
