/**
 * The client side of the ssh-agent protocol (draft-ietf-sshm-ssh-agent), reduced
 * to the two requests we make: list, and sign. An agent's key is only used
 * through a certificate, so nothing here can sign with a plain key.
 *
 * What an agent offers is a stranger's list: `identities` returns only
 * certificates that the caller wants, and a signature with another algorithm
 * than asked for is an error.
 */
import type { Duplex } from "node:stream";

import { parseCertificate, SshReader, SshWriter, verifySignature } from "@teleport-access/sshcert";
import type { Certificate, SignatureAlgorithm } from "@teleport-access/sshcert";

import type { SshIdentity } from "./auth-client.ts";
import { SshError } from "./errors.ts";
import { MAX_AGENT_MESSAGE_BYTES } from "./limits.ts";

const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;

/** More keys than sshd would let anybody try. */
const MAX_IDENTITIES = 256;
/** Agents may ask a person (confirm, security key touch). */
const REPLY_MS = 60_000;

/** Flags of SIGN_REQUEST: without them an agent signs RSA with SHA-1. */
const SIGN_FLAGS: Partial<Record<SignatureAlgorithm, number>> = { "rsa-sha2-256": 2, "rsa-sha2-512": 4 };

/** Opens a connection to an agent: a channel of type auth-agent@openssh.com, or a local socket. */
export type OpenAgent = () => Promise<Duplex>;

/** One connection to an agent, one question at a time. Each question fails with SSH_AGENT or SSH_FORMAT. */
export interface AgentClient {
  /** The certificates that it holds; plain keys and what cannot be read are left out. */
  certificates(): Promise<Certificate[]>;
  /** Signs with the key of a certificate that it holds; a signature that is not good is an error. */
  sign(certificate: Certificate, data: Buffer, algorithm: SignatureAlgorithm): Promise<Buffer>;
  close(): void;
}

/** An agent at the other end of a stream, which it owns. */
export function agentClient(stream: Duplex): AgentClient {
  return new AgentConnection(stream);
}

/** The certificates of an agent that `wanted` accepts, ready to be presented. Each use opens the agent anew. */
export async function agentIdentities(
  open: OpenAgent,
  wanted: (certificate: Certificate) => boolean,
): Promise<SshIdentity[]> {
  const certificates = await withAgent(open, (agent) => agent.certificates());
  return certificates.filter(wanted).map((certificate) => ({
    certificate,
    sign: (data: Buffer, algorithm: SignatureAlgorithm) =>
      withAgent(open, (agent) => agent.sign(certificate, data, algorithm)),
  }));
}

function certificateIn(blob: Buffer): Certificate | undefined {
  try {
    return parseCertificate(blob);
  } catch {
    return undefined;
  }
}

/** The channel stays open only while it is needed. */
async function withAgent<T>(open: OpenAgent, use: (agent: AgentClient) => Promise<T>): Promise<T> {
  const agent = agentClient(await open());
  try {
    return await use(agent);
  } finally {
    agent.close();
  }
}

class AgentConnection implements AgentClient {
  readonly #stream: Duplex;

  constructor(stream: Duplex) {
    this.#stream = stream;
  }

  async certificates(): Promise<Certificate[]> {
    const reader = await this.#ask(Buffer.of(REQUEST_IDENTITIES), IDENTITIES_ANSWER);
    const count = reader.u32();
    if (count > MAX_IDENTITIES) throw new SshError("SSH_AGENT", `the agent lists ${count} keys`);
    const found: Certificate[] = [];
    for (let i = 0; i < count; i += 1) {
      const certificate = certificateIn(Buffer.from(reader.string()));
      if (certificate !== undefined) found.push(certificate);
      reader.string(); // the comment
    }
    return found;
  }

  async sign(certificate: Certificate, data: Buffer, algorithm: SignatureAlgorithm): Promise<Buffer> {
    const flags = SIGN_FLAGS[algorithm] ?? 0;
    const question = new SshWriter().u8(SIGN_REQUEST).string(certificate.blob).string(data).u32(flags).done();
    const signature = Buffer.from((await this.#ask(question, SIGN_RESPONSE)).string());
    const used = new SshReader(signature).text(64);
    if (used !== algorithm) throw new SshError("SSH_AGENT", `the agent signed with ${JSON.stringify(used)}`);
    // A server counts bad signatures against the address they come from, which may be shared.
    if (!verifySignature(certificate.publicKey, data, signature, [algorithm]))
      throw new SshError("SSH_AGENT", "the agent's signature is not good");
    return signature;
  }

  close(): void {
    this.#stream.destroy();
  }

  async #ask(question: Buffer, answer: number): Promise<SshReader> {
    const reply = readMessage(this.#stream);
    this.#stream.write(new SshWriter().string(question).done());
    const reader = new SshReader(await reply);
    if (reader.u8() !== answer) throw new SshError("SSH_AGENT", "the agent refused");
    return reader;
  }
}

/** Puts chunks together to one length-prefixed message: each byte is copied once, however it is cut. */
class MessageBuffer {
  readonly #length = Buffer.alloc(4);
  #received = 0;
  #message: Buffer | undefined;

  /** The whole message once it is there. @throws SshError when it would be too long */
  push(chunk: Buffer): Buffer | undefined {
    const head = chunk.copy(this.#length, Math.min(this.#received, 4));
    const rest = chunk.subarray(head);
    this.#received += head;
    if (this.#received < 4) return undefined;
    this.#message ??= this.#allocate();
    rest.copy(this.#message, this.#received - 4);
    this.#received += rest.length;
    return this.#received - 4 >= this.#message.length ? this.#message : undefined;
  }

  #allocate(): Buffer {
    const length = this.#length.readUInt32BE(0);
    if (length > MAX_AGENT_MESSAGE_BYTES)
      throw new SshError("SSH_AGENT", `the agent's answer has ${length} bytes`);
    return Buffer.alloc(length);
  }
}

/** The next length-prefixed message of a stream. */
function readMessage(stream: Duplex): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const buffer = new MessageBuffer();
    const timer = setTimeout(() => {
      fail(new SshError("SSH_AGENT", "the agent does not answer"));
    }, REPLY_MS);
    function done(): void {
      clearTimeout(timer);
      stream.off("data", onData);
      stream.off("close", onClose);
      stream.off("end", onClose);
      stream.off("error", onClose);
    }
    function fail(error: unknown): void {
      done();
      reject(error instanceof Error ? error : new SshError("SSH_AGENT", String(error)));
    }
    function onClose(): void {
      fail(new SshError("SSH_AGENT", "the agent closed the connection"));
    }
    function onData(chunk: Buffer): void {
      try {
        const message = buffer.push(chunk);
        if (message === undefined) return;
        done();
        resolve(message);
      } catch (error) {
        fail(error);
      }
    }
    stream.on("data", onData);
    stream.on("close", onClose);
    stream.on("end", onClose);
    stream.on("error", onClose);
  });
}
