/**
 * Is a client's address in a list of CIDR blocks? IPv4-mapped IPv6 addresses count
 * as the IPv4 address that they carry, on both sides; other IPv6 blocks, `::/0` too, contain none of IPv4, as
 * in sshd. Host bits of a block are ignored.
 */
import { BlockList, isIP } from "node:net";

interface Range {
  readonly address: string;
  readonly prefix: number;
  readonly family: "ipv4" | "ipv6";
}

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** Whether `text` is an address with a prefix length, or an address alone. */
export function isSourceRange(text: string): boolean {
  return parseRange(text) !== undefined;
}

/**
 * Whether `address` is inside one of `ranges`. An empty list is answered by the
 * caller (it means "anywhere" in a grant); here it contains nothing, and neither
 * does a range that cannot be read.
 */
export function rangesContain(ranges: readonly string[], address: string): boolean {
  const plain = unmapped(address);
  const family = isIP(plain);
  if (family === 0) return false;
  const wanted = family === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  for (const text of ranges) {
    const range = parseRange(text);
    // BlockList would find every IPv4 address in ::/0.
    if (range?.family === wanted) list.addSubnet(range.address, range.prefix, range.family);
  }
  return list.check(plain, wanted);
}

/**
 * The blocks of a certificate's source-address option, or undefined when one cannot be read. sshd refuses the whole
 * certificate then, and also when bits are set behind the prefix: what its issuer meant is unknown. A mapped
 * address, which sshd would compare with no IPv4 client, is refused too.
 */
export function certificateRanges(text: string): readonly string[] | undefined {
  const ranges = text.split(",");
  return ranges.every(isExactRange) ? ranges : undefined;
}

function isExactRange(text: string): boolean {
  const range = parseRange(text);
  if (range === undefined || MAPPED.test(text.split("/")[0] ?? "")) return false;
  const bits = addressBits(range);
  return !bits.slice(range.prefix).includes("1");
}

/** The address as text of 32 or 128 ones and zeros. */
function addressBits({ address, family }: Range): string {
  if (family === "ipv4")
    return address
      .split(".")
      .map((part) => binary(Number(part), 8))
      .join("");
  // The URL parser writes IPv6 in one way: lower case, groups in hexadecimal, one "::" at most.
  const { hostname } = new URL(`http://[${address}]`);
  const [head = "", tail] = hostname.slice(1, -1).split("::");
  const [front, back] = [groups(head), groups(tail ?? "")];
  const gap = Array.from({ length: 8 - front.length - back.length }, () => 0);
  return [...front, ...gap, ...back].map((group) => binary(group, 16)).join("");
}

function groups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}

function binary(value: number, width: number): string {
  return value.toString(2).padStart(width, "0");
}

function parseRange(text: string): Range | undefined {
  const slash = text.indexOf("/");
  const written = slash < 0 ? text : text.slice(0, slash);
  const address = unmapped(written);
  const version = isIP(address);
  // A zone (`fe80::1%eth0`) names an interface of this pod, which says nothing about where a person is.
  if (version === 0 || address.includes("%")) return undefined;
  const bits = version === 4 ? 32 : 128;
  const mappedBits = address === written ? 0 : 96;
  const prefix = slash < 0 ? bits : parsePrefix(text.slice(slash + 1)) - mappedBits;
  if (!(prefix >= 0 && prefix <= bits)) return undefined;
  return { address, prefix, family: version === 4 ? "ipv4" : "ipv6" };
}

function parsePrefix(text: string): number {
  return /^(0|[1-9]\d{0,2})$/.test(text) ? Number(text) : Number.NaN;
}

function unmapped(address: string): string {
  return MAPPED.exec(address)?.[1] ?? address;
}
