/**
 * A small proxy and agent made of packages/ssh alone, with authorities and
 * certificates of their own: what the interop tests put between stock OpenSSH
 * programs. The product's own proxy and agent add access decisions to the same
 * calls.
 */
import { connect } from "node:net";
import type { KeyObject } from "node:crypto";

import { systemClock } from "@teleport-access/daemon";
import {
  connectSsh,
  createSshServer,
  spliceChannels,
  spliceSocket,
  startSsh2,
  TUNNEL_KEEPALIVE,
  TUNNEL_LIMITS,
} from "@teleport-access/ssh";
import type {
  AuthRequest,
  HostKey,
  RefusedPeer,
  SshClientConnection,
  SshConnection,
  SshServer,
  SshServerOptions,
} from "@teleport-access/ssh";
import {
  generatePrivateKey,
  issueCertificate,
  formatPublicKeyLine,
  publicKeyOf,
  SshReader,
  SshWriter,
  verifyCertificate,
} from "@teleport-access/sshcert";
import type { Certificate, CertificateRequest, KeyAlgorithm, SshPublicKey } from "@teleport-access/sshcert";
import { createTestFolder, writeIdentity } from "@teleport-access/testkit";
import type { TestFolder } from "@teleport-access/testkit";

export const TRANSPORT_CHANNEL = "teleport-transport";
const STANDARD_EXTENSIONS = { "permit-agent-forwarding": "", "permit-port-forwarding": "", "permit-pty": "" };

/** One certificate authority of the lab. */
export interface Authority {
  readonly key: KeyObject;
  readonly publicKey: SshPublicKey;
  /** As one line of a known_hosts or TrustedUserCAKeys file. */
  readonly line: string;
}

export function createAuthority(algorithm: KeyAlgorithm = "Ed25519"): Authority {
  const key = generatePrivateKey(algorithm);
  const publicKey = publicKeyOf(key);
  return { key, publicKey, line: formatPublicKeyLine(publicKey) };
}

/** A certificate by `authority` for `key`, valid from a minute ago for an hour unless `request` says otherwise. */
export function certify(
  authority: Authority,
  key: KeyObject,
  request: Partial<CertificateRequest> = {},
): Certificate {
  const now = systemClock.now();
  return issueCertificate(authority.key, {
    type: "user",
    publicKey: publicKeyOf(key),
    keyId: "alice",
    principals: ["alice"],
    validAfter: new Date(now - 60_000),
    validBefore: new Date(now + 3_600_000),
    extensions: STANDARD_EXTENSIONS,
    ...request,
  });
}

export interface LabIdentity extends HostKey {
  readonly privateKey: KeyObject;
  readonly certificate: Certificate;
}

/** What the lab's proxy has seen, for assertions. */
export interface LabEvents {
  readonly refused: RefusedPeer[];
  readonly requests: AuthRequest[];
  readonly connections: SshConnection<string>[];
}

export interface Lab {
  readonly folder: TestFolder;
  readonly userAuthority: Authority;
  readonly proxyHostAuthority: Authority;
  /** The authority of the cluster's hosts, agents among them. */
  readonly clusterAuthority: Authority;
  readonly proxyHost: LabIdentity;
  readonly events: LabEvents;
  readonly users: SshServer;
  readonly userPort: number;
  readonly tunnels: SshServer;
  readonly tunnelPort: number;
  /** The live tunnel, if there is one. */
  tunnel(): SshConnection<string> | undefined;
  /** Starts an agent that dials `targets` by name. Resolves when its tunnel is up. */
  startAgent(targets: Readonly<Record<string, number>>, identity?: LabIdentity): Promise<SshClientConnection>;
  /** Writes key and certificate files for ssh; returns the key's path. */
  writeUser(name: string, key: KeyObject, certificate?: Certificate): string;
  close(): Promise<void>;
}

export interface LabOptions {
  readonly userServer?: Partial<SshServerOptions<string>>;
  /** More authorities for people. */
  readonly userAuthorities?: readonly SshPublicKey[];
  readonly proxyHostKey?: KeyAlgorithm;
  /** What a session on the proxy itself gets. */
  session?(connection: SshConnection<string>): void;
}

export const CLUSTER = "prod";
export const PROXY_NAME = "proxy.test";

/** Starts the proxy half: a port for people and a port for agents. */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  await startSsh2();
  const folder = createTestFolder();
  const userAuthority = createAuthority();
  const proxyHostAuthority = createAuthority();
  const clusterAuthority = createAuthority();
  const proxyHost = hostIdentity(proxyHostAuthority, PROXY_NAME, options.proxyHostKey);
  const events: LabEvents = { refused: [], requests: [], connections: [] };
  const hostKeys = [proxyHost];
  let tunnel: SshConnection<string> | undefined;

  const tunnels = createSshServer<string>({
    hostKeys: () => hostKeys,
    limits: TUNNEL_LIMITS,
    keepalive: TUNNEL_KEEPALIVE,
    authenticate: (request) => decideTunnel(request, clusterAuthority.publicKey),
    connected(connection) {
      tunnel = connection;
    },
    refused: (peer) => events.refused.push(peer),
  });
  const authorities = [userAuthority.publicKey, ...(options.userAuthorities ?? [])];
  const users = createSshServer<string>({
    hostKeys: () => hostKeys,
    authenticate(request) {
      events.requests.push(request);
      return decideUser(request, authorities);
    },
    connected(connection) {
      events.connections.push(connection);
      options.session?.(connection);
      connection.onDirectTcpip((request) => {
        const target = new SshWriter().string(request.host).u32(request.port).done();
        if (tunnel === undefined) {
          request.refuse("connect-failed", "no tunnel");
          return;
        }
        tunnel.openChannel(TRANSPORT_CHANNEL, target).then(
          (upstream) => {
            spliceChannels(request.accept(), upstream);
          },
          (error: unknown) => {
            request.refuse("connect-failed", String(error));
          },
        );
      });
    },
    refused: (peer) => events.refused.push(peer),
    ...options.userServer,
  });
  const [userPort, tunnelPort] = [await users.listen(0, "127.0.0.1"), await tunnels.listen(0, "127.0.0.1")];
  const agents: SshClientConnection[] = [];
  return {
    folder,
    userAuthority,
    proxyHostAuthority,
    clusterAuthority,
    proxyHost,
    events,
    users,
    userPort,
    tunnels,
    tunnelPort,
    tunnel: () => tunnel,
    async startAgent(targets, identity = hostIdentity(clusterAuthority, CLUSTER)) {
      const agent = await connectSsh({
        host: "127.0.0.1",
        port: tunnelPort,
        user: `cluster:${CLUSTER}`,
        identity,
        hostKeyPins: [publicKeyOf(proxyHost.privateKey)],
        timeoutMs: 10_000,
      });
      serveTargets(agent, targets);
      agents.push(agent);
      return agent;
    },
    writeUser: (name, key, certificate) => writeIdentity(folder, name, key, certificate),
    async close() {
      for (const agent of agents) agent.end();
      await Promise.all([users.close(), tunnels.close()]);
      folder.remove();
    },
  };
}

/** A host key with a certificate for `name`. */
export function hostIdentity(
  authority: Authority,
  name: string,
  algorithm: KeyAlgorithm = "Ed25519",
): LabIdentity {
  const privateKey = generatePrivateKey(algorithm);
  const certificate = certify(authority, privateKey, {
    type: "host",
    keyId: name,
    principals: [name],
    extensions: {},
  });
  return { privateKey, certificate };
}

function decideUser(request: AuthRequest, authorities: readonly SshPublicKey[]): Verdict {
  if (request.key?.kind !== "certificate") return { accept: false };
  const { certificate } = request.key;
  const verdict = verifyCertificate(certificate, {
    type: "user",
    authorities,
    now: new Date(systemClock.now()),
  });
  return verdict.valid ? { accept: true, identity: certificate.keyId } : { accept: false };
}

type Verdict = { readonly accept: true; readonly identity: string } | { readonly accept: false };

function decideTunnel(request: AuthRequest, authority: SshPublicKey): Verdict {
  const cluster = request.user.startsWith("cluster:") ? request.user.slice("cluster:".length) : "";
  if (request.key?.kind !== "certificate") return { accept: false };
  const verdict = verifyCertificate(request.key.certificate, {
    type: "host",
    authorities: [authority],
    principal: cluster,
    now: new Date(systemClock.now()),
  });
  return verdict.valid ? { accept: true, identity: cluster } : { accept: false };
}

function serveTargets(agent: SshClientConnection, targets: Readonly<Record<string, number>>): void {
  agent.onChannel(TRANSPORT_CHANNEL, (channel) => {
    const port = targets[new SshReader(channel.payload).text()];
    if (port === undefined) {
      channel.refuse("prohibited", "not a target");
      return;
    }
    const socket = connect({ host: "127.0.0.1", port, noDelay: true, allowHalfOpen: true });
    socket.once("connect", () => {
      spliceSocket(channel.accept(), socket);
    });
    socket.once("error", (error) => {
      channel.refuse("connect-failed", error.message);
    });
  });
}
