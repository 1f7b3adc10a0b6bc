/**
 * The other end of a key-helper connection, as the rest of this folder sees it:
 * something to send messages to and to end. Tests use one without a socket.
 */
import { encodeKeyHelperMessage, KEY_HELPER_CLOSE_REFUSED } from "@teleport-access/wire";
import type { KeyHelperRefusal, KeyHelperServerMessage } from "@teleport-access/wire";
import type { WebSocket } from "ws";

/** One connected key-helper. Everything is safe to call after the connection has ended, and does nothing then. */
export interface Peer {
  readonly address: string;
  isOpen(): boolean;
  send(message: KeyHelperServerMessage): void;
  /** Ends the connection in an orderly way. */
  close(code: number, text: string): void;
}

/** What a peer that does not read may pile up before it is dropped: sixteen of the largest messages. */
const MAX_BUFFERED_BYTES = 1024 * 1024;

/** A peer behind a WebSocket. */
export function webSocketPeer(socket: WebSocket, address: string): Peer {
  return {
    address,
    isOpen: () => socket.readyState === socket.OPEN,
    send(message) {
      if (socket.readyState !== socket.OPEN) return;
      if (socket.bufferedAmount > MAX_BUFFERED_BYTES) socket.terminate();
      else socket.send(encodeKeyHelperMessage(message));
    },
    close(code, text) {
      socket.close(code, text);
    },
  };
}

/** What each refusal tells the person, and what to do about it. */
export const REFUSAL_MESSAGES: Readonly<Record<KeyHelperRefusal, string>> = {
  "bad-token": "the token is not known: it was deleted or mistyped; make a new one on the web page",
  "expired-token": "the token is over; make a new one on the web page",
  "wrong-device": "the token is in use on another machine; make one for this machine on the web page",
  "wrong-server": "this server has another name; use the address that the web page shows",
  "wrong-user": "the token belongs to another user; check --auth",
  "wrong-key": "this SSH key may not be certified with this token; check --key-path",
  suspended: "the user is suspended; ask whoever manages access",
  malformed: "the server did not understand; the key-helper may be too old or too new",
  "rate-limited": "too many attempts; the key-helper tries again later",
  "bad-proof": "the signature of the device key is wrong; delete the key-helper's state and use a new token",
};

/** Says why, and ends the connection. */
export function refusePeer(peer: Peer, reason: KeyHelperRefusal): void {
  peer.send({ type: "refused", reason, message: REFUSAL_MESSAGES[reason] });
  peer.close(KEY_HELPER_CLOSE_REFUSED, reason);
}
