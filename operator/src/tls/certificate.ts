/**
 * Makes the X.509 certificates of the self-made web TLS: an ECDSA P-256
 * authority and the leaf that a proxy presents. (RFC 5280; section numbers below.)
 *
 * node-forge only lays out the ASN.1: it knows no elliptic curves for X.509, and
 * nothing is ever verified with it. Keys, signatures and checks are node:crypto's.
 * When a certificate is made or renewed is for web-tls.ts to say.
 */
import { createHash, createPublicKey, randomBytes, sign, type KeyObject } from "node:crypto";
import { isIP } from "node:net";
import forge from "node-forge";

const { asn1 } = forge;
const { Class, Type } = asn1;
type Asn1 = forge.asn1.Asn1;

const OID = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
};

/** 4.2.1.3, as a BIT STRING whose first octet counts the unused bits. */
const KEY_USAGE_CERT_SIGN = "\x01\x06";
const KEY_USAGE_DIGITAL_SIGNATURE = "\x07\x80";

/** 128 bits: unguessable, and within the 20 octets of section 4.1.2.2. */
const SERIAL_BYTES = 16;

export interface Window {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** An authority as it is needed to sign: its name, its key, nothing secret leaves this file. */
export interface Issuer {
  readonly commonName: string;
  readonly key: KeyObject;
}

/** A self-signed authority (PEM) that may sign leaves only. */
export function makeAuthority(issuer: Issuer, window: Window): string {
  const publicKey = createPublicKey(issuer.key);
  const identifier = keyIdentifier(publicKey);
  return certificatePem(issuer, {
    window,
    commonName: issuer.commonName,
    publicKey,
    extensions: [
      extension(OID.basicConstraints, sequence(boolean(true), integer("\x00")), true),
      extension(OID.keyUsage, primitive(Type.BITSTRING, KEY_USAGE_CERT_SIGN), true),
      extension(OID.subjectKeyIdentifier, primitive(Type.OCTETSTRING, identifier)),
    ],
  });
}

export interface LeafRequest {
  readonly names: readonly string[];
  readonly publicKey: KeyObject;
  readonly window: Window;
}

/** A server certificate (PEM) for host names and IP addresses, signed by `issuer`. */
export function makeLeaf(issuer: Issuer, request: LeafRequest): string {
  const authority = keyIdentifier(createPublicKey(issuer.key));
  return certificatePem(issuer, {
    window: request.window,
    // 64 characters is the upper bound of a common name (appendix A.1); clients read the alternative names.
    commonName: (request.names[0] ?? "").slice(0, 64),
    publicKey: request.publicKey,
    extensions: [
      extension(OID.basicConstraints, sequence(), true),
      extension(OID.keyUsage, primitive(Type.BITSTRING, KEY_USAGE_DIGITAL_SIGNATURE), true),
      extension(OID.extKeyUsage, sequence(oid(OID.serverAuth))),
      extension(OID.subjectAltName, sequence(...request.names.map(generalName))),
      extension(OID.subjectKeyIdentifier, primitive(Type.OCTETSTRING, keyIdentifier(request.publicKey))),
      extension(OID.authorityKeyIdentifier, sequence(tagged(0, authority))),
    ],
  });
}

interface Subject {
  readonly window: Window;
  readonly commonName: string;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Asn1[];
}

function certificatePem(issuer: Issuer, subject: Subject): string {
  const toBeSigned = sequence(
    constructed(0, integer("\x02")),
    integer(serialNumber()),
    signatureAlgorithm(),
    name(issuer.commonName),
    sequence(time(subject.window.notBefore), time(subject.window.notAfter)),
    name(subject.commonName),
    asn1.fromDer(subject.publicKey.export({ type: "spki", format: "der" }).toString("latin1")),
    constructed(3, sequence(...subject.extensions)),
  );
  const signature = sign("sha256", Buffer.from(der(toBeSigned), "latin1"), issuer.key);
  const certificate = sequence(
    toBeSigned,
    signatureAlgorithm(),
    primitive(Type.BITSTRING, `\x00${signature.toString("latin1")}`),
  );
  const body = Buffer.from(der(certificate), "latin1").toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${body.replace(/.{1,64}/g, "$&\n")}-----END CERTIFICATE-----\n`;
}

function signatureAlgorithm(): Asn1 {
  return sequence(oid(OID.ecdsaWithSha256));
}

/** Positive and not zero: the first octet is 0x40..0x7f. */
function serialNumber(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("latin1");
}

/** RFC 7093, method 1: the first 160 bits of SHA-256 over the public key. */
function keyIdentifier(publicKey: KeyObject): string {
  const spki = publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest().subarray(0, 20).toString("latin1");
}

function generalName(text: string): Asn1 {
  const version = isIP(text);
  if (version === 0) return tagged(2, text);
  return tagged(7, version === 4 ? ipv4Octets(text) : ipv6Octets(text));
}

function ipv4Octets(text: string): string {
  return String.fromCharCode(...text.split(".").map(Number));
}

function ipv6Octets(text: string): string {
  // The URL parser writes every form of an IPv6 address in one: hexadecimal groups, at most one "::".
  const [head = "", tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split("::");
  const first = groupsOf(head);
  const last = groupsOf(tail ?? "");
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => "0");
  return [...first, ...zeros, ...last]
    .map((group) => parseInt(group, 16))
    .map((n) => String.fromCharCode(n >> 8, n & 0xff))
    .join("");
}

function groupsOf(part: string): string[] {
  return part === "" ? [] : part.split(":");
}

/** 4.1.2.5: UTCTime through 2049, GeneralizedTime after. */
function time(date: Date): Asn1 {
  return date.getUTCFullYear() < 2050
    ? primitive(Type.UTCTIME, asn1.dateToUtcTime(date))
    : primitive(Type.GENERALIZEDTIME, asn1.dateToGeneralizedTime(date));
}

function name(commonName: string): Asn1 {
  const attribute = sequence(oid(OID.commonName), primitive(Type.UTF8, utf8(commonName)));
  return sequence(asn1.create(Class.UNIVERSAL, Type.SET, true, [attribute]));
}

function extension(id: string, value: Asn1, critical = false): Asn1 {
  const body = primitive(Type.OCTETSTRING, der(value));
  return critical ? sequence(oid(id), boolean(true), body) : sequence(oid(id), body);
}

function sequence(...children: Asn1[]): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, children);
}

function primitive(type: forge.asn1.Type, octets: string): Asn1 {
  return asn1.create(Class.UNIVERSAL, type, false, octets);
}

function tagged(tag: number, octets: string): Asn1 {
  return contextSpecific(tag, false, octets);
}

function constructed(tag: number, child: Asn1): Asn1 {
  return contextSpecific(tag, true, [child]);
}

function contextSpecific(tag: number, isConstructed: boolean, value: string | Asn1[]): Asn1 {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- its types know universal tags only
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, isConstructed, value);
}

function integer(octets: string): Asn1 {
  return primitive(Type.INTEGER, octets);
}

function boolean(value: boolean): Asn1 {
  return primitive(Type.BOOLEAN, value ? "\xff" : "\x00");
}

function oid(dotted: string): Asn1 {
  return primitive(Type.OID, asn1.oidToDer(dotted).getBytes());
}

function der(node: Asn1): string {
  return asn1.toDer(node).getBytes();
}

function utf8(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}
