/**
 * Does a host glob match a host? `*` is any run of characters, dots included,
 * `?` is one; everything else stands for itself, ASCII case aside (OpenSSH's
 * patterns read the same way).
 */

/** Lower case of A to Z only: `toLowerCase` would map the Kelvin sign onto k. */
export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Whether the pattern has no wildcard, so that it can only match the host it spells. */
export function isLiteralHost(pattern: string): boolean {
  return !/[*?]/.test(pattern);
}

/** Whether `pattern` matches the whole of `host`; at worst in the product of their lengths, as no regular expression is built. */
export function globMatches(pattern: string, host: string): boolean {
  const p = lowerAscii(pattern);
  const h = lowerAscii(host);
  let at = 0;
  let from = 0;
  // Where to resume when the text after the last `*` did not fit.
  let star = -1;
  let resume = 0;
  while (from < h.length) {
    if (p[at] === "*") {
      star = at++;
      resume = from;
    } else if (at < p.length && (p[at] === "?" || p[at] === h[from])) {
      at++;
      from++;
    } else if (star >= 0) {
      at = star + 1;
      from = ++resume;
    } else {
      return false;
    }
  }
  while (p[at] === "*") at++;
  return at === p.length;
}
