/** Every number that bounds an SSH peer, with the reason for it (design, section 14). */
import type { Rate } from "./pace.ts";

/** Bounds of one SSH server. A number too many for the peer is refused; none of them can crash or grow the process. */
export interface SshServerLimits {
  /** Between accept and authentication. sshd's LoginGraceTime is 120; a jump hop has nobody typing a password. */
  readonly loginGraceMs: number;
  /**
   * Between a proven key and the right answer to a challenge, once per connection. sshd's LoginGraceTime: a one-time
   * code that was used a moment ago has to be waited out for 30 s, and the first try may be mistyped.
   */
  readonly challengeMs: number;
  /** Refused attempts per connection, as sshd's MaxAuthTries: an agent full of keys still gets to its certificate. */
  readonly tries: number;
  /** Connections of one address (IPv6: of one /64) that have not authenticated yet. */
  readonly unauthenticatedPerAddress: number;
  /** The same over all addresses: each costs about 36 KiB and one key exchange. */
  readonly unauthenticated: number;
  /**
   * Connections of one address whose key was proven and whose challenge somebody is typing: they are strangers no
   * more, and may take `challengeMs`. Beyond it they go on counting as unauthenticated.
   */
  readonly challengedPerAddress: number;
  /** The same over all addresses: what they cost is what strangers cost. */
  readonly challenged: number;
  /** Connections in all, authenticated ones included. */
  readonly connections: number;
  /**
   * New connections in any second; a key exchange costs 1-2 ms of CPU. Who comes often leaves half. Where arrivals wait
   * in line, nobody is refused for it: it is the rate of key exchanges with peers that are never proven to be anybody.
   */
  readonly handshakesPerSecond: number;
  /** Key exchanges that run side by side; whoever else comes waits for a turn. Infinity: there is no line. */
  readonly handshakesAtOnce: number;
  /** Open channels of one connection, those still being answered included. */
  readonly channelsPerConnection: number;
  /** Channels that a peer may ask for, refused ones included. Who asks for more is slowed down. */
  readonly channelOpens: Rate;
}

/**
 * Twice all the channels that a person may have, as a browser behind `ssh -D` or Ansible opens them, and 200 a second, 4 %
 * of a core. Without a bound one person's connection takes all of it.
 */
export const CHANNEL_OPENS: Rate = { burst: 512, perSecond: 200 };

/**
 * A turn in a key exchange (waiting-room.ts): longer than 16 of them take us on half a core, so who needs more waits
 * for the network. Agents 50 ms away need 300, and come in at 160 a second.
 */
export const SEAT_MS = 100;

/** Key exchanges under way, in seconds of their rate: agents 100 ms away are in the middle of half a second of them. */
export const LINE_BURST_SECONDS = 4;

/**
 * What an address may do before it counts as one that comes all the time: a client that is started a few times in a row,
 * and three times a minute. It may use half the rate of new connections; the more seldom one comes, the more of all of it.
 */
export const NEWCOMER_BURST = 10;
export const NEWCOMER_PER_SECOND: number = 3 / 60;

/**
 * When there are as many strangers as there may be, who has been one for this long makes room for who comes now. A
 * client near or far is in within three seconds; a touch of a security key may have to be tried again.
 */
export const STRANGER_STAYS_MS = 5_000;

/** Addresses whose rate is remembered; a burst from more of them is held by the rate of all. */
export const MAX_RATED_ADDRESSES = 4096;

/** What people's connections get. */
export const USER_LIMITS: SshServerLimits = {
  loginGraceMs: 30_000,
  challengeMs: 120_000,
  tries: 6,
  unauthenticatedPerAddress: 10,
  unauthenticated: 500,
  // An office behind one address that types its codes at nine o'clock, two minutes each at the most.
  challengedPerAddress: 100,
  challenged: 500,
  connections: 10_000,
  handshakesPerSecond: 200,
  // People never wait for each other's key exchanges, nor for agents'.
  handshakesAtOnce: Infinity,
  channelsPerConnection: 256,
  channelOpens: CHANNEL_OPENS,
};

/**
 * What agents' connections get: few of them, each carrying everybody's channels. They all come back
 * at once after a restart, many from behind one address, and wait in line for it: a turn of
 * 16 key exchanges, 2 ms each, is the longest that a person's log-in is held up. Who waits costs a socket.
 */
export const TUNNEL_LIMITS: SshServerLimits = {
  ...USER_LIMITS,
  unauthenticatedPerAddress: 128,
  unauthenticated: 2048,
  handshakesAtOnce: 16,
  channelsPerConnection: 4096,
};

/**
 * What we let the peer have in flight on a new channel. OpenSSH uses the same: at
 * 50 ms it carries 40 MB/s, and it is also what one stalled reader costs us.
 */
export const CHANNEL_WINDOW: number = 2 * 1024 * 1024;

/**
 * What a window shrinks to when the peer is near. On loopback a quarter would do; a process that
 * has to wait 3 ms for its turn at 300 MB/s needs this.
 */
export const LEAST_WINDOW: number = 1024 * 1024;

/**
 * The same while somebody types on the connection. At 200 MB/s, LEAST_WINDOW would be 5 ms in front of each key;
 * a copy on a machine without a free core pays for this with some of its pace.
 */
export const TYPED_WINDOW: number = 256 * 1024;

/** Keys in this long a time are somebody typing. */
export const TYPING_MS = 1_000;

/** And a channel is not taken to be typed in before this age. */
export const TYPED_AFTER_MS = 500;

/** What a window grows to: 80 MB/s at 100 ms. With what the other side of a relay holds, a stream stays below 24 MiB. */
export const MAX_CHANNEL_WINDOW: number = 8 * 1024 * 1024;

/** What all windows of a process may be beyond CHANNEL_WINDOW each: 42 of them fully grown. */
export const MAX_GROWN_WINDOWS: number = 256 * 1024 * 1024;

/** A reader's pace is measured over at least this long: below it, scheduling is all there is to see. */
export const WINDOW_LOOK_MS = 5;

/** And over at least so many bytes: what keystrokes or a page of output move says nothing. */
export const WINDOW_LOOK_BYTES: number = 256 * 1024;

/** A channel that moves less than that in this time pauses; the pause must not count as a slow reader. */
export const WINDOW_PAUSE_MS = 1_000;

/** While bytes flow the distance is asked for this often. */
export const ROUND_TRIP_ASK_MS = 1_000;

/** The shortest round trip of the last five to ten minutes counts. */
export const ROUND_TRIP_MEMORY_MS = 300_000;

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

/** A channel is light while it sends no more than this at once: keystrokes, their echo, a full screen. */
export const LIGHT_BURST_BYTES: number = 32 * 1024;

/** And no more than this in the long run. Light channels go first, so what they may take from the others is bounded. */
export const LIGHT_BYTES_PER_SECOND: number = 64 * 1024;

/** Replies a peer may leave unread before it is cut: data stops at SOCKET_HIGH_BYTES, only replies get here. */
export const MAX_UNREAD_BYTES: number = 2 * 1024 * 1024;

/** Packets held back while keys are exchanged; beyond it the peer is provoking replies without finishing. */
export const MAX_HELD_PACKETS = 8192;

/**
 * Bytes before the peer's identification string has ended: RFC 4253 section 4.2 gives the
 * string 255. ssh2 reads what has come from its beginning with each new chunk, up to
 * 8 MiB of greetings from a server: a byte at a time that is a processor for hours.
 */
export const MAX_IDENT_BYTES = 2048;

/** Everything a peer may send before it is authenticated: six certificates of 64 KiB, shown and signed, are 768 KiB. */
export const MAX_UNAUTHENTICATED_BYTES: number = 1024 * 1024;

/**
 * No refusal is answered faster, so that how long one takes says nothing about how far the
 * request got; the slowest, an RSA signature, takes a millisecond. OpenSSH waits 5 to 10.
 */
export const MIN_REFUSAL_MS = 8;

/**
 * Key exchanges that a peer may ask for: a copy with RekeyLimit 1M makes 30 in a second, and 20 a second cost 2-4 % of a
 * core. Who asks for more is slowed down, not cut.
 */
export const EXCHANGES: Rate = { burst: 64, perSecond: 20 };

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
/** What fits into sun_path (unix(7)); macOS has room for 103. */
export const MAX_SOCKET_PATH_BYTES = 107;
export const MAX_COMMAND_BYTES: number = 32 * 1024;
export const MAX_TEXT_BYTES = 4096;

/** One message of an agent or to it: ssh-agent's own AGENT_MAX_LEN. */
export const MAX_AGENT_MESSAGE_BYTES: number = 256 * 1024;

/** Outstanding want-reply requests of ours on one channel or connection. */
export const MAX_PENDING_REPLIES = 64;

/** Environment variables one session may set. */
export const MAX_ENVIRONMENT = 64;

/** Chunks smaller than this are copied together while they wait, so that 1-byte packets cannot cost 100 bytes each. */
export const COALESCE_BELOW_BYTES = 4096;

/** Largest frame of a WebSocket that carries SSH: any packet of ours with room to spare; ws would take 100 MiB. */
export const WEBSOCKET_FRAME_BYTES: number = 64 * 1024;

/** Packets that wait are sent together up to this: one record of TLS. */
export const WEBSOCKET_BATCH_BYTES: number = 16 * 1024;
