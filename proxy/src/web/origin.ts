/**
 * Does this request come from our own pages?
 *
 * A browser says in Origin which page a request comes from, and a page cannot
 * change that. Everything that changes state must come from ours; a missing
 * Origin is refused as well, since every browser sends one with such requests.
 * A sibling host (same site, so SameSite cookies are sent) is not our page.
 */

/** The origin of the proxy's public address, as browsers write it: no path, no default port. */
export function originOf(webAddress: string): string {
  return new URL(webAddress).origin;
}

/** `host[:port]` of the proxy's public address, lower case, no default port: what a key-helper dials. */
export function hostOf(webAddress: string): string {
  return new URL(webAddress).host;
}

/** Whether `origin` (the header, if there was one) is exactly our own. */
export function isOwnOrigin(origin: string | undefined, webAddress: string): boolean {
  return origin !== undefined && origin === originOf(webAddress);
}

/** Methods that must not change anything, and so need no origin (RFC 9110, section 9.2.1). */
export function isSafeMethod(method: string): boolean {
  return method === "GET" || method === "HEAD";
}
