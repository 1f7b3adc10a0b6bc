/** What stands behind the agent when the forward form is tried: one good target, and one for each way to be a bad one. */
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { generatePrivateKey } from "@teleport-access/sshcert";
import { freePort } from "@teleport-access/testkit";
import type { OpenSsh, Sshd, TestFolder } from "@teleport-access/testkit";
import type { Behind, EstateKeys } from "./proxy-world.ts";
import { startTargetSshd } from "./target-sshd.ts";

/** Names of targets in cluster prod, and what is wrong with each. */
export const TARGETS = {
  /** Nothing. It exchanges keys anew all the time, and knows one subsystem beside sftp. */
  good: "web-1",
  /** Its host certificate names another host. */
  misnamed: "misnamed-1",
  /** Another CA signed its host certificate. */
  stranger: "stranger-1",
  /** It lets nobody in. */
  locked: "locked-1",
  /** Nothing listens there. */
  closed: "closed-1",
  /** It speaks, but not SSH. */
  babbling: "babbling-1",
  /** One session at a time, no terminal, no port forwarding, no sftp. */
  strict: "strict-1",
} as const;

/** Starts them. */
export async function startTargets(openSsh: OpenSsh, keys: EstateKeys, folder: TestFolder): Promise<Behind> {
  const strangers = { ...keys, hostCa: generatePrivateKey("Ed25519") };
  async function sshd(name: string, config: readonly string[] = [], with_ = keys): Promise<Sshd> {
    return await startTargetSshd(openSsh, folder, { keys: with_, names: [`${name}.prod`], config });
  }
  const babbling = await babble();
  const sshds = await Promise.all([
    sshd(TARGETS.good, ["RekeyLimit 1M", "AllowAgentForwarding yes", "Subsystem greet /bin/echo hello"]),
    sshd("somebody-else"),
    sshd(TARGETS.stranger, [], strangers),
    sshd(TARGETS.locked, ["DenyUsers *"]),
    sshd(TARGETS.strict, [
      "MaxSessions 1",
      "PermitTTY no",
      "AllowTcpForwarding no",
      "Subsystem greet /bin/true",
    ]),
  ]);
  const [good, misnamed, stranger, locked, strict] = sshds.map(({ port }) => port);
  const ports = {
    ...{ good, misnamed, stranger, locked, strict },
    closed: await freePort(),
    babbling: portOf(babbling),
  };
  const targets = Object.entries(TARGETS).map(([kind, host]) => {
    const port = ports[kind as keyof typeof ports] ?? 0;
    return { host, ports: [22], address: `127.0.0.1:${port}` };
  });
  return { sshds: [...sshds, stopper(babbling)], targets };
}

async function babble(): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.resume();
    socket.end("220 mail.example.com ESMTP\r\n".repeat(2000));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function stopper(server: Server): Sshd {
  return {
    port: portOf(server),
    pid: process.pid,
    log: () => "",
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
      }),
  };
}
