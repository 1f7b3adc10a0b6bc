/** P3: the relay of peers/go-relay, built from the newest golang.org/x/crypto/ssh, the engine under several products. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../hack/bundle.ts";
import { publicLine, writeBelow, writeIdentity } from "../lab/estate.ts";
import type { Estate } from "../lab/estate.ts";
import { startProcess, whenListening } from "../lab/processes.ts";
import type { Way } from "../lab/ssh-client.ts";
import type { CpuGroup } from "../measure/cpu.ts";

const FOLDER = join(ROOT, "bench/peers/go-relay");
const PROGRAM = join(ROOT, ".local/bench/go-relay");
const SSH_PORT = 4023;
const TUNNEL_PORT = 4024;

/** Builds it; undefined, or the sentence why there is none. Needs the network once, so it is called outside the sandbox. */
export function buildGoRelay(): string | undefined {
  const go = ["go", "/usr/local/go/bin/go"].find((name) => spawnSync(name, ["version"]).status === 0);
  if (go === undefined) return "no Go here: the Go relay is left out";
  const { status, stderr } = spawnSync(go, ["build", "-trimpath", "-o", PROGRAM, "."], {
    cwd: FOLDER,
    encoding: "utf8",
  });
  return status === 0 ? undefined : `the Go relay does not build: ${stderr.trim().split("\n").at(-1) ?? ""}`;
}

export function hasGoRelay(): boolean {
  return existsSync(PROGRAM);
}

/** The newest release that go.mod names, and the toolchain. */
export function goVersions(): string {
  const module = /golang\.org\/x\/crypto (v\S+)/.exec(readFileSync(join(FOLDER, "go.mod"), "utf8"))?.[1];
  return `x/crypto ${module ?? "?"}`;
}

export const GO_WAYS: readonly Way[] = [
  { host: "go-jump", port: SSH_PORT, target: false },
  { host: "go-reverse", port: 22, jump: "go-jump", target: true },
];

export interface GoRelayOptions {
  readonly estate: Estate;
  readonly groups: { readonly proxy: CpuGroup; readonly agent: CpuGroup };
  readonly targetPort: number;
}

/** Starts both halves; resolves when the relay listens. */
export async function startGoRelay(options: GoRelayOptions): Promise<{ stop(): Promise<void> }> {
  const { estate, groups, targetPort } = options;
  const hostKey = writeIdentity("go-relay/host_key", { privateKey: estate.proxyHost });
  const ca = writeBelow("go-relay/user_ca.pub", `${publicLine(estate.userCa)}\n`);
  const identity = writeIdentity("go-relay/agent", estate.user);
  const ports = [String(SSH_PORT), String(TUNNEL_PORT)];
  const proxy = startProcess({
    name: "go-relay-proxy",
    command: PROGRAM,
    args: ["proxy", ...ports, hostKey, ca],
    group: groups.proxy,
  });
  await whenListening(TUNNEL_PORT, proxy);
  await whenListening(SSH_PORT, proxy);
  const agent = startProcess({
    name: "go-relay-agent",
    command: PROGRAM,
    args: ["agent", String(TUNNEL_PORT), String(targetPort), identity, `${identity}-cert.pub`],
    group: groups.agent,
  });
  return {
    async stop() {
      await agent.stop();
      await proxy.stop();
    },
  };
}
