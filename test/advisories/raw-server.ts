/** For the advisories: a server that may say anything, and our own client connected to it. */
import { duplexPair } from "node:stream";
import { connectSsh } from "@teleport-access/ssh";
import type { SshClientConnection } from "@teleport-access/ssh";
import { generatePrivateKey, publicKeyOf } from "@teleport-access/sshcert";
import { offerHostKeys } from "../../packages/ssh/src/key-exchange.ts";
import { MSG } from "../../packages/ssh/src/messages.ts";
import { alice } from "../../packages/ssh/src/testing/auth-fixture.ts";
import { message, RawPeer } from "../../packages/ssh/src/testing/raw-peer.ts";

export interface LyingServer {
  readonly peer: RawPeer;
  /** Resolves or rejects as any program's connection would. */
  readonly client: Promise<SshClientConnection>;
}

/** A server that has exchanged keys and said nothing else. */
export function lyingServer(): LyingServer {
  const privateKey = generatePrivateKey("Ed25519");
  const [near, far] = duplexPair();
  const peer = new RawPeer(far, { kind: "server", hostKeys: offerHostKeys([{ privateKey }]) });
  const client = connectSsh({
    host: "lying.test",
    port: 22,
    transport: near,
    user: "alice",
    identity: alice,
    hostKeyPins: [publicKeyOf(privateKey)],
    timeoutMs: 5000,
  });
  client.catch(() => undefined);
  return { peer, client };
}

/** The same, after it has let our client in. */
export async function lyingServerWithGuest(): Promise<{ peer: RawPeer; client: SshClientConnection }> {
  const { peer, client } = lyingServer();
  await peer.next(MSG.SERVICE_REQUEST);
  peer.send(message(MSG.SERVICE_ACCEPT).string("ssh-userauth"));
  await peer.next(MSG.USERAUTH_REQUEST);
  peer.send(message(MSG.USERAUTH_SUCCESS));
  return { peer, client: await client };
}
