/**
 * The limits of every door, each with its reason.
 *
 * Over a limit: a clear protocol error, a metric, the connection or the request
 * refused; never a crash and never unbounded memory.
 */

/** A person types a TOTP code in it (30 s is one step); OpenSSH gives 120 s, which is generous to strangers. */
export const LOGIN_GRACE_MS = 30_000;

/** OpenSSH's MaxAuthTries: a client with six keys in its agent still gets in. */
export const MAX_AUTH_TRIES = 6;

/** An office behind one address starting its day, not a scan: OpenSSH begins to drop at MaxStartups 10. */
export const MAX_UNAUTHENTICATED_PER_ADDRESS = 10;

/** 500 half-open handshakes cost about 20 MiB and half a second of processor time. */
export const MAX_UNAUTHENTICATED = 500;

/** Ansible and editors open dozens of channels over one connection; 256 of 36 KiB are 9 MiB. */
export const MAX_CHANNELS_PER_USER_CONNECTION = 256;

/** A tunnel carries a whole cluster's sessions; 4,096 idle channels of 8.4 KiB are 34 MiB. */
export const MAX_CHANNELS_PER_TUNNEL = 4096;

/** A keystroke is bytes, a paste kilobytes; ws would take 100 MiB. */
export const MAX_WEBSOCKET_FRAME_BYTES: number = 64 * 1024;

/** No browser splits 64 KiB into more; ws would take 16,384 fragments (CVE-2026-62389). */
export const MAX_WEBSOCKET_FRAGMENTS = 64;

/** Our largest body is a sign-in of some hundred bytes; one MiB is for what uploads may come. */
export const MAX_HTTP_BODY_BYTES: number = 1024 * 1024;

/** Node's own default, and what common proxies pass on. */
export const MAX_HTTP_HEADER_BYTES: number = 16 * 1024;

/**
 * A PROXY protocol header: 16 bytes and at most 536 behind them, the smallest segment that every TCP carries,
 * so that a header is never in two. Version 1 has a bound of its own, 107.
 */
export const MAX_PROXY_HEADER_BYTES: number = 16 + 536;

/** A load balancer sends its header with the connection's first packet; three lost packets later is late. */
export const PROXY_HEADER_MS = 5_000;

/** Networks whose PROXY protocol header is believed: TeleportProxy.spec.service.proxyProtocolRanges. */
export const MAX_PROXY_PROTOCOL_RANGES = 64;

/** One line of the control channel: 128 targets with 16 ports each are 48 KiB. */
export const MAX_CONTROL_MESSAGE_BYTES: number = 64 * 1024;

/**
 * Control messages that one side may send at once, and per second after that. A rolling restart of
 * 64 replicas makes some hundred in minutes; a 64 KiB line costs its reader half a millisecond.
 */
export const CONTROL_MESSAGE_BURST = 256;
export const CONTROL_MESSAGES_PER_SECOND = 4;

/** One JSON message of a key-helper; the largest is a certificate with 256 principals, at most 48 KiB. */
export const MAX_KEY_HELPER_MESSAGE_BYTES: number = 64 * 1024;

/** What one transport channel may ask for; five short strings. */
export const MAX_TRANSPORT_REQUEST_BYTES = 2048;

/** One text in an audit line: `host.cluster` with a port at its longest, 323 characters, and some to spare. */
export const MAX_AUDIT_TEXT = 384;
/** A DNS label (RFC 1035, section 2.3.4): clusters and pods. */
export const MAX_LABEL_LENGTH = 63;

/** A DNS name as Kubernetes counts it: users, hosts, objects. */
export const MAX_NAME_LENGTH = 253;

/** useradd(8): "Usernames may only be up to 32 characters long". */
export const MAX_LOGIN_LENGTH = 32;

/** Two connections to each of the replicas of a large proxy. */
export const MAX_REPLICAS = 64;

/** TeleportCluster.spec.proxies. */
export const MAX_PROXIES = 16;

/** TeleportCluster.spec.agent.targets. */
export const MAX_TARGETS = 128;

/** Ports of one target. */
export const MAX_TARGET_PORTS = 16;

/** Active, next and previous of a rotation, twice over, and some to spare. */
export const MAX_CA_KEYS = 16;

/** An 8192-bit RSA key is 1.4 KiB in base64; a comment of 256. */
export const MAX_KEY_LINE_LENGTH = 2048;

/** A certificate with 256 principals of 128 bytes in base64. */
export const MAX_CERTIFICATE_LINE_LENGTH: number = 60 * 1024;
