/** Message numbers (RFC 4250, section 4.1) and the few payloads that more than one file writes. */
import { SshReader, SshWriter } from "@teleport-access/sshcert";

import { SshError } from "./errors.ts";
import { MAX_TEXT_BYTES } from "./limits.ts";

export const MSG = {
  DISCONNECT: 1,
  IGNORE: 2,
  UNIMPLEMENTED: 3,
  DEBUG: 4,
  SERVICE_REQUEST: 5,
  SERVICE_ACCEPT: 6,
  EXT_INFO: 7,
  USERAUTH_REQUEST: 50,
  USERAUTH_FAILURE: 51,
  USERAUTH_SUCCESS: 52,
  USERAUTH_BANNER: 53,
  /** RFC 4252: PK_OK, or RFC 4256: INFO_REQUEST, by the method that is running. */
  USERAUTH_60: 60,
  USERAUTH_INFO_RESPONSE: 61,
  GLOBAL_REQUEST: 80,
  REQUEST_SUCCESS: 81,
  REQUEST_FAILURE: 82,
  CHANNEL_OPEN: 90,
  CHANNEL_OPEN_CONFIRMATION: 91,
  CHANNEL_OPEN_FAILURE: 92,
  CHANNEL_WINDOW_ADJUST: 93,
  CHANNEL_DATA: 94,
  CHANNEL_EXTENDED_DATA: 95,
  CHANNEL_EOF: 96,
  CHANNEL_CLOSE: 97,
  CHANNEL_REQUEST: 98,
  CHANNEL_SUCCESS: 99,
  CHANNEL_FAILURE: 100,
} as const;

/** RFC 4253, section 11.1. */
export const DISCONNECT = {
  PROTOCOL_ERROR: 2,
  SERVICE_NOT_AVAILABLE: 7,
  BY_APPLICATION: 11,
  NO_MORE_AUTH_METHODS: 14,
} as const;

/** SSH_EXTENDED_DATA_STDERR (RFC 4254, section 5.2). */
export const STDERR = 1;

/** SSH_MSG_IGNORE of no bytes. */
export const IGNORE: Buffer = Buffer.of(MSG.IGNORE, 0, 0, 0, 0);

/** A global request that every implementation answers, if only with a failure. */
export const KEEPALIVE: Buffer = new SshWriter()
  .u8(MSG.GLOBAL_REQUEST)
  .string("keepalive@openssh.com")
  .u8(1)
  .done();

export function disconnectMessage(reason: number, text: string): Buffer {
  return new SshWriter().u8(MSG.DISCONNECT).u32(reason).string(text).string("").done();
}

/** What a peer's DISCONNECT says; undefined when it left in good order. @throws SshFormatError when it is malformed. */
export function readDisconnect(payload: Buffer): SshError | undefined {
  const reader = new SshReader(payload.subarray(1));
  const reason = reader.u32();
  const text = reader.string(MAX_TEXT_BYTES).toString("utf8");
  if (reason === DISCONNECT.BY_APPLICATION && text === "") return undefined;
  return new SshError("SSH_CONNECTION_CLOSED", `peer disconnected (${reason}): ${JSON.stringify(text)}`);
}

/** A message of one number and one channel or sequence number: EOF, CLOSE, SUCCESS, FAILURE, UNIMPLEMENTED. */
export function numberMessage(type: number, number: number): Buffer {
  const bytes = Buffer.allocUnsafe(5);
  bytes[0] = type;
  bytes.writeUInt32BE(number, 1);
  return bytes;
}

export function windowAdjustMessage(channel: number, bytes: number): Buffer {
  const message = Buffer.allocUnsafe(9);
  message[0] = MSG.CHANNEL_WINDOW_ADJUST;
  message.writeUInt32BE(channel, 1);
  message.writeUInt32BE(bytes, 5);
  return message;
}
