/** What we offer in KEXINIT and EXT_INFO (design, section 7). Order is preference. */

export const MLKEM_KEX = "mlkem768x25519-sha256";

/**
 * No finite-field groups (DHEat), nothing with SHA-1, no group exchange (ssh2's server cannot do it), no NIST
 * curves (ssh-audit fails them): every client that can show a certificate knows curve25519 since OpenSSH 6.5.
 */
export const KEY_EXCHANGES: readonly string[] = [
  MLKEM_KEX,
  "curve25519-sha256",
  "curve25519-sha256@libssh.org",
];

/** The client's order decides, so leaving chacha20 out is what makes stock clients use GCM, at twice the speed. */
const GCM: readonly string[] = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"];
const CHACHA20 = "chacha20-poly1305@openssh.com";

export function ciphers(chacha20: boolean): readonly string[] {
  return chacha20 ? [...GCM, CHACHA20] : GCM;
}

/** All ciphers above carry their own MAC; a list must be sent all the same. */
export const MACS: readonly string[] = ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"];

/** Compression is off on both sides: inflated payloads pass limits, and it leaks across channels. */
export const COMPRESSIONS: readonly string[] = ["none"];

/** RFC 8308: the signatures we take from clients. SHA-1 never. */
export const SERVER_SIGNATURE_ALGORITHMS: string = [
  "ssh-ed25519",
  "sk-ssh-ed25519@openssh.com",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "sk-ecdsa-sha2-nistp256@openssh.com",
  "rsa-sha2-512",
  "rsa-sha2-256",
].join(",");

/** draft-miller-sshm-strict-kex: immune to prefix truncation (Terrapin). */
export const STRICT_KEX_SERVER = "kex-strict-s-v00@openssh.com";
export const STRICT_KEX_CLIENT = "kex-strict-c-v00@openssh.com";
export const EXT_INFO_CLIENT = "ext-info-c";
