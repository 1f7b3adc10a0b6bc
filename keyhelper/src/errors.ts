/**
 * Everything that can end the key-helper, each with what to do next.
 */

/** Each code with what to do about it. The message of an error says what went wrong; this completes the sentence. */
export const KEY_HELPER_ERRORS = {
  USAGE: "see teleport-key-helper --help",
  KEY_FILE_UNREADABLE: "check --key-path; ssh-keygen -t ed25519 makes a key",
  KEY_FILE_PRIVATE: "give --key-path the file that ends in .pub",
  KEY_FILE_INVALID: "give --key-path an OpenSSH public key such as ~/.ssh/id_ed25519.pub",
  TOKEN_FILE_UNREADABLE: "check --token-file",
  CA_FILE_UNREADABLE: "check --ca-file; it holds the certificate of the server's authority in PEM",
  CERT_DIR_NOT_WRITABLE: "choose another --cert-path, or make its folder",
  CERT_PATH_TAKEN: "choose another --cert-path; nothing was changed",
  OUTPUT_PATH_TAKEN: "choose another path, or move that file away; nothing was changed",
  STATE_UNUSABLE: "check the folder, or choose another with --state-dir",
  DEVICE_KEY_EXPOSED: "run chmod 600 on it, and make a new token if others may have read it",
  WRITE_FAILED: "check the disk and the permissions of the folder",
  PATH_NOT_QUOTABLE: "choose a path without quotes, dollar signs, backslashes and control characters",
  SERVER_UNREACHABLE: "check --server and the network",
  SERVER_CERTIFICATE_UNKNOWN:
    "if the server has an authority of its own, give its certificate with --ca-file",
  SERVER_CERTIFICATE_WRONG: "check --server, or tell whoever runs it",
  SERVER_NOT_PROXY: "check --server: it is the address of the sign-in page",
  SERVER_PROTOCOL: "check --server, and whether this key-helper is up to date",
  REFUSED: "",
} as const;

/** Why the key-helper ends. */
export type KeyHelperErrorCode = keyof typeof KEY_HELPER_ERRORS;

/** A failure that a person can do something about. Its message is one sentence, lower case, without a full stop. */
export class KeyHelperError extends Error {
  readonly code: KeyHelperErrorCode;

  constructor(code: KeyHelperErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "KeyHelperError";
    this.code = code;
  }

  /** The whole sentence: what went wrong, and what to do next. */
  get sentence(): string {
    const hint = KEY_HELPER_ERRORS[this.code];
    return hint === "" ? this.message : `${this.message}; ${hint}`;
  }
}

/** What the operating system says, in words: the code of an error of node:fs or node:net. */
export function systemReason(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return SYSTEM_REASONS[code] ?? (error instanceof Error ? error.message : String(error));
}

const SYSTEM_REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is not a folder",
  ENOSPC: "the disk is full",
  EROFS: "the disk is read-only",
  ENOTFOUND: "the name does not resolve",
  EAI_AGAIN: "the name does not resolve now",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the connection was cut",
  ETIMEDOUT: "no answer in time",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no network",
  CERT_HAS_EXPIRED: "its certificate is over",
  CERT_NOT_YET_VALID: "its certificate is not valid yet; is this machine's clock right?",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate comes from an authority that this machine does not know",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate comes from an authority that this machine does not know",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "its certificate comes from an authority that this machine does not know",
};
