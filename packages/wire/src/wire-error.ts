/**
 * The error of a message that a peer should not have sent.
 */
import { ConfigError } from "@teleport-access/daemon";
import { SshFormatError } from "@teleport-access/sshcert";

/** `message` names the field and quotes at most a short piece of it. */
export class WireError extends Error {
  readonly code = "WIRE_FORMAT";
  override readonly name = "WireError";
}

/** Runs a parser made of the shared validators; what they refuse becomes a WireError about `what`. */
export function asWireError<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ConfigError) && !(error instanceof SshFormatError)) throw error;
    throw new WireError(`${what}: ${error.message}`, { cause: error });
  }
}

/** Parses JSON of a peer, at most `maxBytes` long. */
export function parseMessageJson(what: string, text: string, maxBytes: number): unknown {
  if (Buffer.byteLength(text) > maxBytes) throw new WireError(`${what}: longer than ${maxBytes} bytes`);
  try {
    return JSON.parse(text);
  } catch {
    throw new WireError(`${what}: not JSON`);
  }
}
