/**
 * Where we refuse what sshd accepts, and why. A reason that is not here fails the
 * differential test: being stricter is a decision too. (docs/security-model.md lists them for readers.)
 */
export const STRICTER: ReadonlyMap<string, string> = new Map([
  [
    "options are empty, repeated or out of order",
    "PROTOCOL.certkeys demands order; two readers must see one value",
  ],
  ["a flag among the options has data", "sshd minds only where it expects the flag"],
  ["reserved field is not empty", "a value there is from a future that we do not know"],
  ["nonce too short", "it guards against chosen prefixes; OpenSSH writes 32 bytes"],
  ["field of N bytes, at most N allowed", "every field has a bound"],
  ["number longer than N bits", "RSA up to 8192 bits, exponents up to 64"],
  ["number is not in minimal form", "one number, one spelling"],
  ["number is zero", "no key has a zero in it"],
  ["not an RSA key", "even numbers, and the exponent 1"],
  ["an RSA key needs at least N bits", "sshd's RequiredRSASize begins at 1024"],
  ["not a security key's key for SSH", "its application begins with ssh:"],
  ["not a key", "numbers that OpenSSL does not import cannot sign"],
  ["text is not UTF-N", "key ids and names go into logs"],
  ["text contains NUL", "a C string would end there"],
  ["empty principal", "it names nobody"],
  ["too many principals", "as sshd, counted before the login is looked for"],
  ["not a certificate of a supported key type", "DSA has no name here"],
  ["not signed by a plain key of a supported type", "neither has it as an authority"],
  ["number is negative", "no key has a sign"],
  [
    "certificate-unknown-critical-option",
    "a forced command that is empty or no text; a source that sshd cannot compare",
  ],
  ["certificate-source-not-allowed", "addresses that are written in two ways"],
  ["certificate-expired", "the second between two clocks"],
  ["certificate-not-yet-valid", "the second between two clocks"],
]);
