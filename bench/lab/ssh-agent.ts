/** A stock ssh-agent with the person's key and certificate, for the forward form. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { until } from "@teleport-access/testkit";
import { createCpuGroup } from "../measure/cpu.ts";
import { writeIdentity } from "./estate.ts";
import { startProcess } from "./processes.ts";
import type { BenchProcess } from "./processes.ts";
import { FOLDER } from "./sandbox.ts";
import type { Setting } from "./setting.ts";

export const AGENT_SOCKET = `${FOLDER}/ssh-agent.sock`;

/** Starts it; it listens on AGENT_SOCKET. */
export async function startSshAgent({ openSsh, estate }: Setting): Promise<BenchProcess> {
  const agent = startProcess({
    name: "ssh-agent",
    command: openSsh.program("ssh-agent"),
    args: ["-D", "-a", AGENT_SOCKET],
    group: createCpuGroup("ssh-agent"),
  });
  await until("the SSH agent", () => existsSync(AGENT_SOCKET), { deadlineMs: 5_000, everyMs: 10 });
  // ssh-add takes the certificate that lies beside the key.
  const { status, stderr } = spawnSync(
    openSsh.program("ssh-add"),
    ["-q", writeIdentity("ssh-agent/id", estate.user)],
    { encoding: "utf8", env: { SSH_AUTH_SOCK: AGENT_SOCKET } },
  );
  if (status !== 0) throw new Error(`bench: ssh-add failed: ${stderr.trim()}`);
  return agent;
}
