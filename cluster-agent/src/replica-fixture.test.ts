/** Proxies as an agent sees them, for tests of the agent: SSH servers that say hello and list their replicas. */
import assert from "node:assert/strict";

import { createSshServer } from "@teleport-access/ssh";
import type { SshChannel, SshConnection, SshServer } from "@teleport-access/ssh";
import {
  fingerprint,
  formatPublicKeyLine,
  generatePrivateKey,
  issueCertificate,
  publicKeyOf,
  verifyCertificate,
} from "@teleport-access/sshcert";
import type { UntilOptions } from "@teleport-access/testkit";
import {
  CONTROL_CHANNEL,
  ControlReader,
  encodeControlMessage,
  encodeTransportRequest,
  parseAgentMessage,
  TRANSPORT_CHANNEL,
} from "@teleport-access/wire";
import type { AgentMessage, AgentProxy, ProxyMessage } from "@teleport-access/wire";

import type { HostIdentity } from "./host-identity.ts";

const hostCa = generatePrivateKey("Ed25519");
const proxyHostKey = generatePrivateKey("Ed25519");
export const userCaLine: string = formatPublicKeyLine(publicKeyOf(generatePrivateKey("Ed25519")));
export const HOST_CA: string = fingerprint(publicKeyOf(hostCa));
export const SOON: UntilOptions = { deadlineMs: 5_000, everyMs: 10 };

export function newIdentity(serial: bigint): HostIdentity {
  const privateKey = generatePrivateKey("Ed25519");
  const certificate = issueCertificate(hostCa, {
    type: "host",
    publicKey: publicKeyOf(privateKey),
    keyId: "prod",
    principals: ["prod"],
    serial,
    validAfter: new Date(Date.now() - 60_000),
    validBefore: new Date(Date.now() + 3_600_000),
  });
  return { privateKey, certificate };
}

export interface Seen {
  readonly connection: SshConnection<bigint>;
  readonly messages: AgentMessage[];
  control: SshChannel | undefined;
}

/** One replica of a proxy, as an agent sees it. */
export class Replica {
  readonly name: string;
  readonly tunnels: Set<Seen> = new Set<Seen>();
  readonly #server: SshServer;
  announced: readonly string[] = [];
  port = 0;

  constructor(name: string) {
    this.name = name;
    this.#server = createSshServer<bigint>({
      hostKeys: () => [{ privateKey: proxyHostKey }],
      authenticate: ({ user, key }) => {
        if (user !== "cluster:prod" || key?.kind !== "certificate") return { accept: false };
        const { certificate } = key;
        const purpose = {
          type: "host",
          authorities: [publicKeyOf(hostCa)],
          principal: "prod",
          now: new Date(),
        } as const;
        return verifyCertificate(certificate, purpose).valid
          ? { accept: true, identity: certificate.serial }
          : { accept: false };
      },
      connected: (connection) => void this.#greet(connection),
    });
  }

  async listen(port = 0, host = "127.0.0.1"): Promise<void> {
    this.port = await this.#server.listen(port, host);
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  send(message: ProxyMessage): void {
    for (const { control } of this.tunnels) control?.write(encodeControlMessage(message));
  }

  async #greet(connection: SshConnection<bigint>): Promise<void> {
    const seen: Seen = { connection, messages: [], control: undefined };
    this.tunnels.add(seen);
    connection.onClose(() => this.tunnels.delete(seen));
    const reader = new ControlReader<AgentMessage>(parseAgentMessage, () => performance.now());
    try {
      seen.control = await connection.openChannel(CONTROL_CHANNEL, Buffer.alloc(0));
    } catch {
      return; // the agent has thought better of it
    }
    seen.control.on("data", (chunk: Buffer) => seen.messages.push(...reader.push(chunk)));
    const hello = {
      type: "hello",
      version: 1,
      proxy: "main",
      replica: this.name,
      hostCAFingerprints: [HOST_CA],
    } as const;
    seen.control.write(encodeControlMessage(hello));
    seen.control.write(encodeControlMessage({ type: "replicas", replicas: this.announced }));
  }

  /** Asks any of its tunnels for a target. */
  open(host: string, port: number): Promise<SshChannel> {
    const [tunnel] = this.tunnels;
    assert.ok(tunnel);
    const request = { host, port, user: "alice", sessionId: "s1", clientAddress: "192.0.2.1" };
    return tunnel.connection.openChannel(TRANSPORT_CHANNEL, encodeTransportRequest(request));
  }
}

export function proxyEntry(changes: Partial<AgentProxy> = {}): AgentProxy {
  return {
    name: "main",
    // Never dialled as such: the load balancer below picks a replica.
    address: "proxy.example:3024",
    hostKeys: [formatPublicKeyLine(publicKeyOf(proxyHostKey))],
    userCAKeys: [userCaLine],
    suspend: false,
    ...changes,
  };
}
