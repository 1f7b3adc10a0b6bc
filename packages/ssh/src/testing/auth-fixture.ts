/** For this package's tests: a server whose questions and refusals are kept, and somebody to answer to. */
import { ManualClock } from "@teleport-access/daemon";
import { generatePrivateKey, verifyCertificate } from "@teleport-access/sshcert";

import type { AuthRequest } from "../auth-request.ts";
import type { AuthVerdict } from "../auth-server.ts";
import { createSshServer } from "../server.ts";
import type { SshConnection, SshServer, SshServerOptions } from "../server.ts";
import type { RefusedPeer } from "../server-peers.ts";
import { NOW, testAuthority, testIdentity } from "./certified.ts";
import type { TestIdentity } from "./certified.ts";
import { ED25519_CERTIFICATE, rawClient, requestBody } from "./raw-peer.ts";
import type { RawPeer } from "./raw-peer.ts";

const authority = testAuthority();
const hostKeys = [{ privateKey: generatePrivateKey("Ed25519") }];

/** Trusted, and not. */
export const alice: TestIdentity = testIdentity(authority);
export const mallory: TestIdentity = testIdentity(testAuthority(), { keyId: "mallory" });

export interface AuthFixture {
  readonly server: SshServer;
  readonly clock: ManualClock;
  readonly requests: AuthRequest[];
  readonly refused: RefusedPeer[];
  readonly connections: SshConnection<string>[];
}

/** Accepts certificates of the one authority, by their key id. */
export function judge({ key }: AuthRequest): AuthVerdict<string> {
  if (key?.kind !== "certificate") return { accept: false };
  const purpose = { type: "user", authorities: [authority.publicKey], now: new Date(NOW) } as const;
  const verdict = verifyCertificate(key.certificate, purpose);
  return verdict.valid ? { accept: true, identity: key.certificate.keyId } : { accept: false };
}

export function authFixture(options: Partial<SshServerOptions<string>> = {}): AuthFixture {
  const clock = new ManualClock(NOW);
  const [requests, refused, connections] = [
    [] as AuthRequest[],
    [] as RefusedPeer[],
    [] as SshConnection<string>[],
  ];
  const server = createSshServer<string>({
    hostKeys: () => hostKeys,
    clock,
    authenticate(request) {
      requests.push(request);
      return judge(request);
    },
    connected: (connection) => connections.push(connection),
    refused: (peer) => refused.push(peer),
    ...options,
  });
  return { server, clock, requests, refused, connections };
}

/** A peer that has got as far as authentication. */
export async function readyPeer(world: AuthFixture): Promise<RawPeer> {
  const peer = rawClient(world.server);
  await peer.startAuthentication();
  return peer;
}

/** What a publickey request for "alice" signs, without its signature. */
export function aliceBody(
  identity: TestIdentity = alice,
  signed = true,
  algorithm: string = ED25519_CERTIFICATE,
): Buffer {
  return requestBody("alice", algorithm, identity.certificate.blob, signed);
}
