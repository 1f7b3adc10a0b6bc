/**
 * OpenSSH's own way to a server without a listening port: sshd as jump host,
 * `ssh -N -R` as agent, ProxyJump in front. P1 of one version, P2 of another.
 */
import type { OpenSsh } from "@teleport-access/testkit";
import type { CpuGroup } from "../measure/cpu.ts";
import { writeBelow, writeIdentity } from "../lab/estate.ts";
import type { Estate } from "../lab/estate.ts";
import { startProcess, whenListening } from "../lab/processes.ts";
import type { BenchProcess } from "../lab/processes.ts";
import { LOGIN } from "../lab/sandbox.ts";
import { startSshd } from "../lab/sshd.ts";
import type { Way } from "../lab/ssh-client.ts";

export interface OpenSshPorts {
  /** "p1"; also the beginning of its ways' names. */
  readonly name: string;
  readonly jumpPort: number;
  readonly reversePort: number;
  readonly targetPort: number;
}

export interface OpenSshPeerOptions extends OpenSshPorts {
  readonly openSsh: OpenSsh;
  readonly estate: Estate;
  readonly groups: { readonly proxy: CpuGroup; readonly agent: CpuGroup };
  readonly ciphers: string;
}

export interface OpenSshPeer {
  /** Starts the jump host again, after it was killed. */
  restartJump(): Promise<void>;
  stop(): Promise<void>;
}

/** `<name>-jump`, `<name>-reverse` (the tunnel) and `<name>-plain` (ProxyJump without a tunnel). */
export function openSshWays({ name, jumpPort, reversePort, targetPort }: OpenSshPorts): Way[] {
  const jump = `${name}-jump`;
  return [
    { host: jump, port: jumpPort, target: false },
    { host: `${name}-reverse`, port: reversePort, jump, target: true },
    { host: `${name}-plain`, port: targetPort, jump, target: true },
  ];
}

/** Starts jump host and agent; resolves when the reverse port listens. */
export async function startOpenSshPeer(options: OpenSshPeerOptions): Promise<OpenSshPeer> {
  const { openSsh, estate, groups, jumpPort, reversePort } = options;
  function startJump(): Promise<BenchProcess> {
    // A jump host shows its plain key, as our proxy does.
    const host = { privateKey: estate.proxyHost };
    return startSshd({ openSsh, estate, host, port: jumpPort, group: groups.proxy });
  }
  const running = { jump: await startJump() };
  const agent = startAgent(options);
  await whenListening(reversePort, agent);
  return {
    async restartJump() {
      running.jump = await startJump();
    },
    async stop() {
      await agent.stop();
      await running.jump.stop();
    },
  };
}

function startAgent({ name, openSsh, estate, groups, ...ports }: OpenSshPeerOptions): BenchProcess {
  const identity = writeIdentity(`${name}-agent/id`, estate.user);
  const options = {
    BatchMode: "yes",
    IdentitiesOnly: "yes",
    IdentityAgent: "none",
    IdentityFile: identity,
    CertificateFile: `${identity}-cert.pub`,
    GlobalKnownHostsFile: "none",
    UserKnownHostsFile: writeBelow(`${name}-agent/known_hosts`, ""),
    StrictHostKeyChecking: "no",
    ExitOnForwardFailure: "yes",
    ServerAliveInterval: "15",
    Ciphers: ports.ciphers,
    LogLevel: "ERROR",
  };
  return startProcess({
    name: `${name}-agent`,
    command: openSsh.program("ssh"),
    args: [
      ...["-F", "none", "-N"],
      ...Object.entries(options).flatMap(([key, value]) => ["-o", `${key}=${value}`]),
      ...["-R", `127.0.0.1:${ports.reversePort}:127.0.0.1:${ports.targetPort}`],
      ...["-p", String(ports.jumpPort), `${LOGIN}@127.0.0.1`],
    ],
    group: groups.agent,
  });
}
