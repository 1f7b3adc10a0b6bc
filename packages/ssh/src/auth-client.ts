/**
 * The client's half of RFC 4252: presents certificates, one after the other,
 * each signed at once (we know our keys; asking first would cost a round trip).
 */
import type { KeyObject } from "node:crypto";

import { CERTIFICATE_ALGORITHMS, signData, SshReader, SshWriter } from "@teleport-access/sshcert";
import type { Certificate, SignatureAlgorithm } from "@teleport-access/sshcert";

import { SshError } from "./errors.ts";
import { MAX_TEXT_BYTES } from "./limits.ts";
import { MSG } from "./messages.ts";
import type { Transport } from "./transport.ts";

/** A certificate and who can sign for its key: a key we hold, or an agent that does. */
export type SshIdentity =
  | { readonly certificate: Certificate; readonly privateKey: KeyObject }
  | {
      readonly certificate: Certificate;
      /** Resolves with the whole signature blob, made with exactly this algorithm. */
      sign(data: Buffer, algorithm: SignatureAlgorithm): Promise<Buffer>;
    };

/** What to present; a function is asked once the server is ready for it, and may take its time. */
export type SshIdentities = readonly SshIdentity[] | (() => Promise<readonly SshIdentity[]>);

export interface AuthClientOptions {
  readonly transport: Transport;
  readonly user: string;
  readonly identities: SshIdentities;
  accepted(): void;
  failed(error: SshError): void;
}

interface Presented {
  readonly name: string;
  readonly signature: SignatureAlgorithm;
}

/** The names a certificate goes by; for RSA the SHA-512 one comes first. */
function algorithmOf(certificate: Certificate): Presented {
  for (const [name, { blobType, signature }] of CERTIFICATE_ALGORITHMS) {
    if (blobType === certificate.certType) return { name, signature };
  }
  throw new SshError("SSH_BAD_OPTION", "a certificate of an unknown type");
}

export class AuthClient {
  readonly #options: AuthClientOptions;
  #left: SshIdentity[] = [];

  constructor(options: AuthClientOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.transport.send(new SshWriter().u8(MSG.SERVICE_REQUEST).string("ssh-userauth").done());
  }

  /** Handles a message before success. Anything unexpected ends the connection. */
  receive(type: number, payload: Buffer): boolean {
    switch (type) {
      case MSG.SERVICE_ACCEPT:
        this.#begin();
        return true;
      case MSG.USERAUTH_FAILURE:
        this.#next(refusedMethods(payload));
        return true;
      case MSG.USERAUTH_SUCCESS:
        this.#options.accepted();
        return true;
      case MSG.USERAUTH_BANNER:
        return true;
      default:
        throw new SshError("SSH_PROTOCOL", `message ${type} before authentication`);
    }
  }

  #begin(): void {
    const { identities, transport } = this.#options;
    if (typeof identities !== "function") {
      this.#left = [...identities];
      this.#next(undefined);
      return;
    }
    identities().then(
      (found) => {
        this.#left = [...found];
        if (!transport.finished) this.#next(undefined);
      },
      (error: unknown) => {
        this.#options.failed(
          error instanceof SshError ? error : new SshError("SSH_AGENT", "there is nothing to present", error),
        );
      },
    );
  }

  #next(refused: string | undefined): void {
    const identity = this.#left.shift();
    if (identity === undefined) {
      const user = JSON.stringify(this.#options.user);
      const detail = refused === undefined ? "no certificate to present" : `methods left: ${refused}`;
      this.#options.failed(new SshError("SSH_AUTH_REFUSED", `the server refused ${user}; ${detail}`));
      return;
    }
    const { transport } = this.#options;
    this.#present(identity).catch((error: unknown) => {
      // An agent that will not sign is one certificate less.
      if (transport.finished) return;
      this.#next(error instanceof Error ? error.message : String(error));
    });
  }

  async #present(identity: SshIdentity): Promise<void> {
    const { transport, user } = this.#options;
    const { name, signature } = algorithmOf(identity.certificate);
    const request = new SshWriter().u8(MSG.USERAUTH_REQUEST).string(user).string("ssh-connection");
    const body = request.string("publickey").u8(1).string(name).string(identity.certificate.blob).done();
    const data = new SshWriter().string(transport.sessionId).raw(body).done();
    const signed =
      "privateKey" in identity
        ? signData(identity.privateKey, data, signature)
        : await identity.sign(data, signature);
    transport.send(new SshWriter().raw(body).string(signed).done());
  }
}

function refusedMethods(payload: Buffer): string {
  return JSON.stringify(new SshReader(payload.subarray(1)).text(MAX_TEXT_BYTES));
}
