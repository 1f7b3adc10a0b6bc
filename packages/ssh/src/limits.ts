/** Every number that bounds an SSH peer, with the reason for it (design, section 14). */

/** Bounds of one SSH server. A number too many for the peer is refused; none of them can crash or grow the process. */
export interface SshServerLimits {
  /** Between accept and authentication. sshd's LoginGraceTime is 120; a jump hop has nobody typing a password. */
  readonly loginGraceMs: number;
  /** Refused attempts per connection, as sshd's MaxAuthTries: an agent full of keys still gets to its certificate. */
  readonly tries: number;
  /** Connections of one address (IPv6: of one /64) that have not authenticated yet. */
  readonly unauthenticatedPerAddress: number;
  /** The same over all addresses: each costs about 36 KiB and one key exchange. */
  readonly unauthenticated: number;
  /** Connections in all, authenticated ones included. */
  readonly connections: number;
  /** New connections in any second; a key exchange costs 1-2 ms of CPU. */
  readonly handshakesPerSecond: number;
  /** Open channels of one connection, those still being answered included. */
  readonly channelsPerConnection: number;
}

/** What people's connections get. */
export const USER_LIMITS: SshServerLimits = {
  loginGraceMs: 30_000,
  tries: 6,
  unauthenticatedPerAddress: 10,
  unauthenticated: 500,
  connections: 10_000,
  handshakesPerSecond: 200,
  channelsPerConnection: 256,
};

/** What agents' connections get: few of them, each carrying everybody's channels. */
export const TUNNEL_LIMITS: SshServerLimits = { ...USER_LIMITS, channelsPerConnection: 4096 };

/**
 * What we let the peer have in flight on one channel. OpenSSH uses the same: at
 * 50 ms it carries 40 MB/s, and it is also what one stalled reader costs us.
 */
export const CHANNEL_WINDOW: number = 2 * 1024 * 1024;

/** Largest CHANNEL_DATA we send or take: RFC 4253 section 6.1 promises 32768 bytes of payload, ssh2 reads 35000. */
export const CHANNEL_PACKET: number = 32 * 1024;

/**
 * Smallest maximum packet size we take from a peer. 0 made ssh2's own channels
 * spin for ever and 1 costs a packet per byte; nobody real uses less than 4 KiB.
 */
export const MIN_CHANNEL_PACKET = 256;

/** RFC 4254 section 5.2: a window must not grow beyond this. */
export const MAX_WINDOW = 0xffff_ffff;

/** Bytes queued on a socket beyond which channels stop sending: keystrokes queue behind at most this. */
export const SOCKET_HIGH_BYTES: number = 256 * 1024;

/** What one channel may send before the next one waiting gets its turn. */
export const TURN_BYTES: number = 64 * 1024;

/** Replies a peer may leave unread before it is cut: data stops at SOCKET_HIGH_BYTES, only replies get here. */
export const MAX_UNREAD_BYTES: number = 2 * 1024 * 1024;

/** Packets held back while keys are exchanged; beyond it the peer is provoking replies without finishing. */
export const MAX_HELD_PACKETS = 8192;

/** A key exchange takes milliseconds; a peer that leaves one unfinished is cut. */
export const KEY_EXCHANGE_MS = 30_000;

/** After a goodbye the peer gets this long to read it. */
export const GOODBYE_MS = 50;

/** A peer that never answers CHANNEL_OPEN. Longer than an agent's own dial timeout. */
export const CHANNEL_OPEN_MS = 20_000;

/** Names a peer may choose; beyond it the packet is malformed. */
export const MAX_NAME_BYTES = 64;
export const MAX_USER_BYTES = 256;
export const MAX_ADDRESS_BYTES = 255;
export const MAX_COMMAND_BYTES: number = 32 * 1024;
export const MAX_TEXT_BYTES = 4096;

/** Outstanding want-reply requests of ours on one channel or connection. */
export const MAX_PENDING_REPLIES = 64;

/** Environment variables one session may set. */
export const MAX_ENVIRONMENT = 64;

/** Chunks smaller than this are copied together while they wait, so that 1-byte packets cannot cost 100 bytes each. */
export const COALESCE_BELOW_BYTES = 4096;
