import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AnnouncedTarget } from "@teleport-access/access";
import type { ProxyMessage } from "@teleport-access/wire";
import type { CertificateParts, Fixture } from "../world-fixture.test.ts";
import {
  certificateOf,
  createFixture,
  grantObject,
  HOST_CA,
  HOUR,
  NOW,
  OTHER_CA,
  trustObject,
} from "../world-fixture.test.ts";
import { formatPublicKeyLine, publicKeyOf } from "@teleport-access/sshcert";
import { createTunnelRegistry, TOLD_IN_A_TURN } from "./registry.ts";
import type { Tunnel, TunnelRegistry } from "./registry.ts";

/** A tunnel that remembers what was done to it. */
interface FakeTunnel extends Tunnel {
  busy: number;
  silent: boolean;
  readonly ends: string[];
  readonly sent: ProxyMessage[];
}

interface TunnelParts extends CertificateParts {
  readonly cluster?: string;
  readonly hosts?: readonly string[];
  readonly agent?: string;
  readonly trustUid?: string;
}

interface World extends Fixture {
  readonly tunnels: TunnelRegistry;
  readonly add: (parts?: TunnelParts) => FakeTunnel;
}

function createWorld(): World {
  const fixture = createFixture();
  const tunnels = createTunnelRegistry(fixture.store, fixture.clock);
  fixture.store.onChange(({ clusters }) => {
    tunnels.judge(clusters);
  });
  function add(parts: TunnelParts = {}): FakeTunnel {
    const cluster = parts.cluster ?? "prod";
    const targets: readonly AnnouncedTarget[] = (parts.hosts ?? []).map((host) => ({ host }));
    const certificate = certificateOf({ type: "host", ca: HOST_CA, principals: [cluster], ...parts });
    const trustUid = parts.trustUid ?? `u-trustedhostcas-${cluster}`;
    const tunnel: FakeTunnel = {
      identity: { cluster, trustUid, certificate, source: "192.0.2.9" },
      agent: parts.agent ?? "prod-agent-0",
      busy: 0,
      silent: false,
      ends: [],
      sent: [],
      targets: () => targets,
      channels: () => tunnel.busy,
      ended: false,
      open: () => Promise.reject(new Error("not in this test")),
      send: (message) => tunnel.sent.push(message),
      tellAuthorities: (hostCAFingerprints) => tunnel.sent.push({ type: "authorities", hostCAFingerprints }),
      end: (reason) => {
        tunnel.ends.push(reason);
        tunnels.remove(tunnel);
      },
    };
    tunnels.add(tunnel);
    return tunnel;
  }
  return { ...fixture, tunnels, add };
}

describe("createTunnelRegistry()", () => {
  test("createTunnelRegistry() gives a new channel to the least busy tunnel of the cluster", () => {
    const { tunnels, add } = createWorld();
    const first = add();
    const second = add();
    first.busy = 1;
    assert.equal(tunnels.leastBusy("prod"), second);
    second.busy = 2;
    assert.equal(tunnels.leastBusy("prod"), first);
    assert.equal(tunnels.leastBusy("dev"), undefined);
  });

  test("createTunnelRegistry() prefers any tunnel whose agent answers, and another agent's to another of the same", () => {
    const { tunnels, add } = createWorld();
    const [silent, busy, other] = [add(), add(), add({ agent: "prod-agent-1" })];
    silent.silent = true;
    busy.busy = 10;
    other.busy = 20;
    assert.equal(tunnels.leastBusy("prod"), busy);
    assert.equal(tunnels.leastBusy("prod", [busy]), other);
    assert.equal(tunnels.leastBusy("prod", [busy, other]), silent, "better than none");
    assert.equal(tunnels.leastBusy("prod", [busy, other, silent]), undefined);
  });

  test("createTunnelRegistry() adds up what the cluster's agents announce", () => {
    const { tunnels, add } = createWorld();
    add({ hosts: ["web-1", "web-2"] });
    add({ hosts: ["web-2", "db-1"] });
    assert.deepEqual(
      tunnels.announcedTargets("prod").map(({ host }) => host),
      ["web-1", "web-2", "db-1"],
    );
  });

  test("createTunnelRegistry() ends tunnels in the handler of the change when trust goes", () => {
    for (const [want, act] of [
      [
        "cluster-not-trusted",
        (w: World) => {
          w.remove("trustedhostcas", trustObject());
        },
      ],
      [
        "cluster-suspended",
        (w: World) => {
          w.put("trustedhostcas", trustObject("prod", { suspend: true }));
        },
      ],
      [
        "source-not-allowed",
        (w: World) => {
          w.put("trustedhostcas", trustObject("prod", { sourceRanges: ["10.0.0.0/8"] }));
        },
      ],
      [
        "certificate-unknown-authority",
        (w: World) => {
          w.put(
            "trustedhostcas",
            trustObject("prod", { publicKeys: [formatPublicKeyLine(publicKeyOf(OTHER_CA))] }),
          );
        },
      ],
      [
        "trust-replaced",
        (w: World) => {
          w.put("trustedhostcas", trustObject("prod", {}, { uid: "u-new" }));
        },
      ],
    ] as const) {
      const world = createWorld();
      const tunnel = world.add();
      act(world);
      assert.deepEqual(tunnel.ends, [want]);
      assert.equal(world.tunnels.size, 0);
    }
  });

  test("createTunnelRegistry() ends a tunnel that lost its trust between authentication and hello", () => {
    const { add, remove } = createWorld();
    remove("trustedhostcas", trustObject());
    assert.deepEqual(add().ends[0], "cluster-not-trusted");
  });

  test("createTunnelRegistry() keeps to the cluster's maxTunnels", () => {
    const { add, put } = createWorld();
    put("trustedhostcas", trustObject("prod", { maxTunnels: 1 }));
    assert.deepEqual(add().ends, []);
    assert.deepEqual(add().ends, ["too-many-tunnels"]);
  });

  test("createTunnelRegistry() lets what people have open in a tunnel outlive the agent's certificate, and opens nothing new", () => {
    const { tunnels, add, clock } = createWorld();
    const tunnel = add({ to: NOW + HOUR });
    tunnel.busy = 1;
    clock.advance(HOUR);
    tunnels.catchUp();
    tunnels.catchUp();
    assert.deepEqual(tunnel.ends, []);
    assert.deepEqual(tunnel.sent.filter((message) => message.type === "drain").length, 1);
    assert.equal(tunnels.leastBusy("prod"), undefined);
    tunnel.busy = 0;
    tunnels.catchUp();
    assert.deepEqual(tunnel.ends, ["certificate-expired"]);
  });

  test("createTunnelRegistry() tells listeners and the agents' other tunnels apart by cluster", () => {
    const { tunnels, add } = createWorld();
    const seen: string[] = [];
    tunnels.onChange((cluster) => seen.push(`${cluster} ${tunnels.count(cluster)}`));
    const tunnel = add();
    tunnel.end("closed");
    assert.deepEqual(seen, ["prod 1", "prod 0"]);
  });

  test("createTunnelRegistry() ends tunnels whose certificate has ended, and those of a clock that was set back", () => {
    for (const jump of [HOUR, -2 * HOUR]) {
      const { tunnels, add, clock } = createWorld();
      const tunnel = add({ to: NOW + HOUR });
      tunnels.catchUp();
      assert.deepEqual(tunnel.ends, []);
      clock.advance(jump);
      tunnels.catchUp();
      assert.deepEqual(tunnel.ends, [jump > 0 ? "certificate-expired" : "certificate-not-yet-valid"]);
    }
  });

  test("createTunnelRegistry() tells thousands a few at a time, each of them everything in its order", () => {
    const { tunnels, add, put, clock } = createWorld();
    put("trustedhostcas", trustObject("prod", { maxTunnels: 1000 }));
    const all = Array.from({ length: 2 * TOLD_IN_A_TURN + 1 }, () => add());
    for (const { sent } of all) sent.length = 0;
    tunnels.broadcast({ type: "replicas", replicas: ["acme-0"] });
    tunnels.broadcast({ type: "drain" });
    assert.equal(all.filter(({ sent }) => sent.length > 0).length, TOLD_IN_A_TURN);
    clock.advance(0);
    const want = [{ type: "replicas", replicas: ["acme-0"] }, { type: "drain" }];
    for (const { sent } of all) assert.deepEqual(sent, want);
  });

  test("createTunnelRegistry() judges the tunnels of the clusters that changed, and no others", () => {
    const { tunnels, add, put } = createWorld();
    const clusters = Array.from({ length: 50 }, (_, index) => `c-${index}`);
    put("trustedhostcas", ...clusters.map((cluster) => trustObject(cluster)));
    const all = clusters.flatMap((cluster) => [add({ cluster }), add({ cluster })]);
    /** Each judgement that lets a tunnel live tells it the authorities. */
    function judgements(act: () => void): number {
      const before = all.flatMap(({ sent }) => sent).length;
      act();
      return all.flatMap(({ sent }) => sent).length - before;
    }
    assert.equal(
      judgements(() => {
        put("trustedhostcas", trustObject("c-7", { maxTunnels: 9 }));
      }),
      2,
      "two tunnels belong to the cluster",
    );
    assert.equal(
      judgements(() => {
        // A status that was written, a grant, and the tick of each second decide nothing about tunnels.
        put("trustedhostcas", trustObject("c-7", { maxTunnels: 9 }, { generation: 2 }));
        put("useraccesses", grantObject("more"));
        tunnels.catchUp();
      }),
      0,
    );
    assert.equal(all.flatMap(({ ends }) => ends).length, 0);
  });
});
