/**
 * Two judges of one offer: a real sshd, which is asked over a connection, and our
 * own code, which is called with the bytes of the same request.
 *
 * A public-key request without a signature is answered after all checks of the
 * certificate (PK_OK or FAILURE), in both; so thousands of offers cost one login's time.
 */
import { connect } from "node:net";
import type { Duplex } from "node:stream";

import { refuseCertificate } from "@teleport-access/access";
import { parseCertificate, SshWriter } from "@teleport-access/sshcert";
import type { SshPublicKey } from "@teleport-access/sshcert";

import { parseAuthRequest } from "../../packages/ssh/src/auth-request.ts";
import type { OfferedKey } from "../../packages/ssh/src/auth-request.ts";
import { message, RawPeer, requestBody } from "../../packages/ssh/src/testing/raw-peer.ts";

const SERVICE_REQUEST = 5;
const SERVICE_ACCEPT = 6;
const USERAUTH_FAILURE = 51;
const USERAUTH_SUCCESS = 52;
const USERAUTH_PK_OK = 60;

/** What is offered: for whom, under which name, which bytes. */
export interface Offer {
  readonly login: string;
  readonly algorithm: string;
  readonly blob: Buffer;
}

/** Who would be let in, by whom. */
export interface Proofs {
  readonly sshd: boolean;
  readonly ours: boolean;
}

/** sshd ends a connection at its 1024th request, whatever MaxAuthTries says. */
const REQUESTS_PER_CONNECTION = 1000;

/** Asks one sshd, over as many connections as it takes. */
export class SshdJudge {
  readonly #port: number;
  #peer: RawPeer | undefined;
  #asked = 0;

  constructor(port: number) {
    this.#port = port;
  }

  /** Whether sshd would let the holder sign. */
  async accepts({ login, algorithm, blob }: Offer): Promise<boolean> {
    if (this.#asked >= REQUESTS_PER_CONNECTION) this.close();
    const peer = (this.#peer ??= await this.#connect());
    this.#asked += 1;
    peer.transport.send(requestBody(login, algorithm, blob, false));
    return (await peer.nextOf([USERAUTH_PK_OK, USERAUTH_FAILURE])) === USERAUTH_PK_OK;
  }

  /** Whether sshd lets in who signs so, and whether we do. */
  async logsIn({ login, algorithm, blob }: Offer, sign: (data: Buffer) => Buffer): Promise<Proofs> {
    const peer = await this.#connect();
    const body = requestBody(login, algorithm, blob, true);
    const signature = sign(new SshWriter().string(peer.transport.sessionId).raw(body).done());
    const payload = new SshWriter().raw(body).string(signature).done();
    peer.transport.send(payload);
    const sshd = (await peer.nextOf([USERAUTH_SUCCESS, USERAUTH_FAILURE])) === USERAUTH_SUCCESS;
    const { publicKey } = parseAuthRequest(payload, () => peer.transport.sessionId);
    peer.transport.end("done");
    return { sshd, ours: publicKey?.proof?.good === true };
  }

  close(): void {
    this.#peer?.transport.end("done");
    this.#peer = undefined;
    this.#asked = 0;
  }

  async #connect(): Promise<RawPeer> {
    const socket: Duplex = connect({ host: "127.0.0.1", port: this.#port, noDelay: true });
    const peer = new RawPeer(socket, {
      kind: "client",
      hostKeyAlgorithms: ["ssh-ed25519"],
      acceptHostKey: () => true,
      verifyHostSignature: () => true,
    });
    await peer.secured;
    peer.send(message(SERVICE_REQUEST).string("ssh-userauth"));
    await peer.next(SERVICE_ACCEPT);
    return peer;
  }
}

/** Undefined: accepted. Otherwise why not, for the table. */
export type OurVerdict = string | undefined;

/** What the proxy's door says, and what a target of ours would find of the login. */
export function ourVerdict(offer: Offer, authorities: readonly SshPublicKey[], now: number): OurVerdict {
  const payload = requestBody(offer.login, offer.algorithm, offer.blob, false);
  const { publicKey } = parseAuthRequest(payload, () => Buffer.alloc(32));
  const key: OfferedKey | undefined = publicKey?.key;
  if (key?.kind !== "certificate") return key?.kind === "plain" ? "plain key" : whyUnreadable(offer);
  const { certificate } = key;
  const reason = refuseCertificate(certificate, "127.0.0.1", { now, userAuthorities: authorities });
  if (reason !== undefined) return reason;
  if (!certificate.principals.includes(offer.login)) return "login not listed";
  try {
    // Numbers that are no key are found when a signature is checked: nobody can prove such a key.
    return certificate.publicKey.keyObject.type === "public" ? undefined : "not a key";
  } catch {
    return "not a key";
  }
}

/** The parser's sentence without its numbers, so that a table has one line for it. */
function whyUnreadable({ blob }: Offer): string {
  try {
    parseCertificate(blob);
    return "another algorithm than the certificate's";
  } catch (error) {
    return error instanceof Error ? error.message.replace(/\d+/g, "N") : String(error);
  }
}
