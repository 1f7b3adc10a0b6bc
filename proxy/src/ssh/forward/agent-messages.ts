/**
 * Which messages of the ssh-agent protocol (draft-ietf-sshm-ssh-agent) a target may put to the person's agent, and
 * where one ends and the next begins. Pure: agent-relay.ts has the channels.
 *
 * A target asks to list and to sign, and says which connection it wants a signature for. It does not load
 * libraries into the person's agent (CVE-2023-38408), nor add, remove or lock anything in it.
 */
import { MAX_AGENT_MESSAGE_BYTES } from "@teleport-access/ssh";
import { SshWriter } from "@teleport-access/sshcert";

const REQUEST_IDENTITIES = 11;
const SIGN_REQUEST = 13;
const EXTENSION = 27;

/** Without it the agent would refuse keys that are constrained to destinations (`ssh-add -h`). */
const SESSION_BIND: Buffer = new SshWriter().u8(EXTENSION).string("session-bind@openssh.com").done();

/** SSH_AGENT_FAILURE, framed: what an agent says to what it will not do. */
export const AGENT_FAILURE: Buffer = new SshWriter().string(Buffer.of(5)).done();

/** Whether a framed message of a target may go on to the person's agent. */
export function reachesAgent(frame: Buffer): boolean {
  const message = frame.subarray(4);
  switch (message[0]) {
    case REQUEST_IDENTITIES:
    case SIGN_REQUEST:
      return true;
    case EXTENSION:
      return message.subarray(0, SESSION_BIND.length).equals(SESSION_BIND);
    default:
      return false;
  }
}

/** What the buffer of a stream begins with, when it is no whole message. */
export type Unframed = "more" | "malformed";

/** Cuts a stream into messages. It holds what has come of a message, not what its length promises. */
export class AgentFrames {
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;

  /** How many bytes wait. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Copies a chunk. */
  push(chunk: Buffer): void {
    if (this.#end + chunk.length > this.#bytes.length) this.#makeRoom(chunk.length);
    this.#end += chunk.copy(this.#bytes, this.#end);
  }

  /** Twice what is there, so that each byte is moved a few times at most however the chunks are cut. */
  #makeRoom(more: number): void {
    const held = this.#bytes.subarray(this.#start, this.#end);
    this.#bytes = Buffer.alloc(2 * (held.length + more));
    held.copy(this.#bytes);
    this.#end = held.length;
    this.#start = 0;
  }

  /** The next whole message with its length before it; it stays good. "malformed" is for ever. */
  next(): Buffer | Unframed {
    if (this.length < 4) return "more";
    const size = this.#bytes.readUInt32BE(this.#start);
    if (size === 0 || size > MAX_AGENT_MESSAGE_BYTES) return "malformed";
    if (this.length < 4 + size) return "more";
    const frame = Buffer.from(this.#bytes.subarray(this.#start, this.#start + 4 + size));
    this.#start += frame.length;
    if (this.length === 0) this.#forget();
    return frame;
  }

  /** An idle channel holds nothing. */
  #forget(): void {
    this.#bytes = Buffer.alloc(0);
    this.#start = 0;
    this.#end = 0;
  }
}
