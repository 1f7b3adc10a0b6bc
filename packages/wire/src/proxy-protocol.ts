/**
 * The header that a load balancer puts in front of a connection to say who is
 * behind it: PROXY protocol, version 1 (a line of text) and version 2 (binary).
 *
 * Pure. Whose header is believed, and how long it may take, is the reader's
 * business: a header is only as true as whoever sent it.
 */
import { isIPv4, isIPv6 } from "node:net";

import { MAX_PROXY_HEADER_BYTES } from "./limits.ts";

export interface ProxySource {
  readonly address: string;
  readonly port: number;
}

export type ProxyHeaderProblem =
  /** It does not begin like a header of either version. */
  | "no-header"
  | "malformed"
  | "too-long"
  /** A version, command, family or transport that does not exist, or that no TCP connection can have. */
  | "unsupported";

export type ProxyHeaderParse =
  /** Good so far, and not whole: more bytes are needed. */
  | { readonly state: "incomplete" }
  | { readonly state: "refused"; readonly problem: ProxyHeaderProblem }
  | {
      readonly state: "complete";
      /** Bytes of the header; what follows is the connection's own. */
      readonly length: number;
      /** Undefined when the sender speaks for itself (a health check) or does not know: the socket's address counts. */
      readonly source: ProxySource | undefined;
    };

const INCOMPLETE: ProxyHeaderParse = { state: "incomplete" };

const TEXT_START = Buffer.from("PROXY ", "latin1");
const BINARY_START = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
/** The longest line of version 1, its line end included: two IPv6 addresses and UNKNOWN's filler. */
const MAX_TEXT_BYTES = 107;
/** Signature, version and command, family and transport, length. */
const BINARY_HEAD_BYTES = 16;

/** Looks at what has arrived so far, at its first bytes only. Never throws. */
export function parseProxyHeader(bytes: Buffer): ProxyHeaderParse {
  if (startsAs(bytes, TEXT_START)) return parseText(bytes);
  if (startsAs(bytes, BINARY_START)) return parseBinary(bytes);
  return refuse("no-header");
}

/** Whether `bytes`, however few, could be the beginning of something that starts with `start`. */
function startsAs(bytes: Buffer, start: Buffer): boolean {
  const seen = Math.min(bytes.length, start.length);
  return bytes.subarray(0, seen).equals(start.subarray(0, seen));
}

function refuse(problem: ProxyHeaderProblem): ProxyHeaderParse {
  return { state: "refused", problem };
}

function parseText(bytes: Buffer): ProxyHeaderParse {
  const end = bytes.subarray(0, MAX_TEXT_BYTES).indexOf("\r\n", 0, "latin1");
  if (end < 0) return bytes.length < MAX_TEXT_BYTES ? INCOMPLETE : refuse("too-long");
  const length = end + 2;
  const [protocol, source, destination, sourcePort, destinationPort, ...more] = bytes
    .subarray(TEXT_START.length, end)
    .toString("latin1")
    .split(" ");
  // What follows UNKNOWN is to be ignored.
  if (protocol === "UNKNOWN") return { state: "complete", length, source: undefined };
  const isAddress = isAddressOf(protocol);
  if (isAddress === undefined) return refuse("unsupported");
  const ports = [sourcePort, destinationPort].map(parsePort);
  if (more.length > 0 || !isAddress(source) || !isAddress(destination)) return refuse("malformed");
  const [port] = ports;
  if (port === undefined || ports[1] === undefined) return refuse("malformed");
  return { state: "complete", length, source: { address: canonical(source), port } };
}

function isAddressOf(
  protocol: string | undefined,
): ((text: string | undefined) => text is string) | undefined {
  if (protocol === "TCP4") return (text): text is string => text !== undefined && isIPv4(text);
  // A zone (`fe80::1%eth0`) is some interface of some other machine.
  if (protocol === "TCP6") {
    return (text): text is string => text !== undefined && isIPv6(text) && !text.includes("%");
  }
  return undefined;
}

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined || !/^(?:0|[1-9]\d{0,4})$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

function parseBinary(bytes: Buffer): ProxyHeaderParse {
  // Known to be wrong is better than waiting for the rest.
  const versionAndCommand = bytes[12];
  const familyAndTransport = bytes[13];
  const isLocal = versionAndCommand === 0x20;
  if (versionAndCommand !== undefined && !isLocal && versionAndCommand !== 0x21) return refuse("unsupported");
  if (bytes.length < BINARY_HEAD_BYTES || familyAndTransport === undefined) return INCOMPLETE;
  const length = BINARY_HEAD_BYTES + bytes.readUInt16BE(14);
  if (length > MAX_PROXY_HEADER_BYTES) return refuse("too-long");
  if (bytes.length < length) return INCOMPLETE;
  const block = bytes.subarray(BINARY_HEAD_BYTES, length);
  // LOCAL: whatever the block says is to be discarded.
  if (isLocal) return { state: "complete", length, source: undefined };
  return parseBlock(block, familyAndTransport, length);
}

/** Addresses come first in the block; the extensions (TLVs) behind them are skipped. */
function parseBlock(block: Buffer, familyAndTransport: number, length: number): ProxyHeaderParse {
  switch (familyAndTransport) {
    // Unspecified, and UNIX sockets, which have no address of a network.
    case 0x00:
      return { state: "complete", length, source: undefined };
    case 0x31:
      return block.length < 216 ? refuse("malformed") : { state: "complete", length, source: undefined };
    case 0x11:
      if (block.length < 12) return refuse("malformed");
      return {
        state: "complete",
        length,
        source: { address: block.subarray(0, 4).join("."), port: block.readUInt16BE(8) },
      };
    case 0x21:
      if (block.length < 36) return refuse("malformed");
      return {
        state: "complete",
        length,
        source: { address: formatIPv6(block.subarray(0, 16)), port: block.readUInt16BE(32) },
      };
    default:
      return refuse("unsupported");
  }
}

function formatIPv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return canonical(groups.join(":"));
}

/** One way to write each address (RFC 5952); a mapped IPv4 address is that IPv4 address. */
function canonical(address: string): string {
  if (isIPv4(address)) return address;
  const written = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(written);
  if (mapped === null) return written;
  const [high = 0, low = 0] = mapped.slice(1).map((group) => Number.parseInt(group, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}
