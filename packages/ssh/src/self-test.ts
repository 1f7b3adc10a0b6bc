/**
 * The last start-up assertion: a whole connection in memory, with certificates
 * on both sides, data both ways and a re-key. What digests cannot see (the
 * native addon, this Node's OpenSSL) fails here and not at somebody's login.
 */
import { createHash, randomBytes } from "node:crypto";
import { duplexPair } from "node:stream";

import { systemClock } from "@teleport-access/daemon";
import { generatePrivateKey, issueCertificate, publicKeyOf } from "@teleport-access/sshcert";
import type { Certificate, CertificateType, SshPublicKey } from "@teleport-access/sshcert";
import type { KeyObject } from "node:crypto";

import { MLKEM_KEX } from "./algorithms.ts";
import { connectSsh } from "./client.ts";
import type { SshClientConnection } from "./client.ts";
import { SshStartupError } from "./errors.ts";
import { createSshServer } from "./server.ts";
import type { SshServer } from "./server.ts";

const TIMEOUT_MS = 10_000;
/** More than one packet, so that packets are cut and joined. */
const PAYLOAD_BYTES = 100_000;
const NAME = "self-test";

interface Certified {
  readonly privateKey: KeyObject;
  readonly certificate: Certificate;
}

function certify(authority: KeyObject, type: CertificateType, now: number): Certified {
  const privateKey = generatePrivateKey("Ed25519");
  const certificate = issueCertificate(authority, {
    type,
    publicKey: publicKeyOf(privateKey),
    keyId: NAME,
    principals: [NAME],
    validAfter: new Date(now - 60_000),
    validBefore: new Date(now + 60_000),
  });
  return { privateKey, certificate };
}

function startServer(host: Certified, expected: Certified): SshServer {
  const hostKeys = [host];
  return createSshServer<string>({
    hostKeys: () => hostKeys,
    authenticate({ key, proven }) {
      const known = key?.kind === "certificate" && key.certificate.blob.equals(expected.certificate.blob);
      return known && proven ? { accept: true, identity: NAME } : { accept: false };
    },
    connected(connection) {
      connection.onChannel(NAME, (channel) => {
        const stream = channel.accept();
        stream.pipe(stream);
      });
    },
  });
}

async function echo(client: SshClientConnection): Promise<void> {
  const channel = await client.openChannel(NAME, Buffer.alloc(0));
  const payload = randomBytes(PAYLOAD_BYTES);
  channel.end(payload);
  const hash = createHash("sha256");
  for await (const chunk of channel) hash.update(chunk as Buffer);
  const want = createHash("sha256").update(payload).digest();
  if (!hash.digest().equals(want)) throw new Error("data came back changed");
}

async function exercise(server: SshServer, user: Certified, authority: SshPublicKey): Promise<void> {
  const [near, far] = duplexPair();
  server.inject(far);
  const client = await connectSsh({
    host: NAME,
    port: 0,
    transport: near,
    user: NAME,
    identity: user,
    hostAuthorities: [authority],
    hostname: NAME,
    timeoutMs: TIMEOUT_MS,
  });
  if (client.algorithms.keyExchange !== MLKEM_KEX)
    throw new Error(`negotiated ${client.algorithms.keyExchange}`);
  await echo(client);
  client.rekey();
  await echo(client);
  client.end();
  await client.closed;
}

/** Runs the test. @throws SshStartupError with what failed as its cause. */
export async function selfTest(now: number = systemClock.now()): Promise<void> {
  const authority = generatePrivateKey("Ed25519");
  const user = certify(authority, "user", now);
  const server = startServer(certify(authority, "host", now), user);
  try {
    await exercise(server, user, publicKeyOf(authority));
  } catch (error) {
    throw new SshStartupError("the SSH self-test failed", error);
  } finally {
    await server.close();
  }
}
