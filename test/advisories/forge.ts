/** For the advisories: certificates that our own issuer refuses to make, signed properly all the same. */
import type { KeyObject } from "node:crypto";
import {
  generatePrivateKey,
  issueCertificate,
  publicKeyOf,
  signatureAlgorithmsFor,
  signData,
  SshWriter,
} from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";

/** What differs from alice's ordinary certificate. */
export interface Forgery {
  readonly principals?: readonly string[];
  /** What stands where the authority's key belongs. */
  readonly authority?: Buffer;
  /** The certified key's fields after its type's name. */
  readonly keyFields?: Buffer;
  readonly keyType?: string;
  readonly criticalOptions?: Readonly<Record<string, string>>;
  readonly extensions?: Readonly<Record<string, string>>;
}

/** The middle of everybody's window. */
export const NOW: number = Date.UTC(2026, 5, 1, 12);
const SUBJECT = publicKeyOf(generatePrivateKey("Ed25519"));
const HOUR = 3600n;

/** The blob of a user certificate around NOW, whatever it says. */
export function forge(ca: KeyObject, over: Forgery = {}): Buffer {
  const authority = publicKeyOf(ca);
  const keyType = over.keyType ?? SUBJECT.type;
  const now = BigInt(NOW / 1000);
  const signed = new SshWriter()
    .string(`${keyType}-cert-v01@openssh.com`)
    .string(Buffer.alloc(32, 1))
    .raw(over.keyFields ?? SUBJECT.blob.subarray(4 + SUBJECT.type.length))
    .u64(1n)
    .u32(1)
    .string("alice")
    .string(list(over.principals ?? ["deploy@prod"]))
    .u64(now - HOUR)
    .u64(now + HOUR)
    .string(options(over.criticalOptions ?? {}))
    .string(options(over.extensions ?? {}))
    .string("")
    .string(over.authority ?? authority.blob)
    .done();
  const [algorithm] = signatureAlgorithmsFor(authority.type);
  if (algorithm === undefined) throw new Error("the authority cannot sign");
  return new SshWriter()
    .raw(signed)
    .string(signData(ca, signed, algorithm))
    .done();
}

/** Our own issuer's user certificate with these principals. @throws what it refuses */
export function issueFor(ca: KeyObject, principals: readonly string[]): Certificate {
  return issueCertificate(ca, {
    type: "user",
    publicKey: SUBJECT,
    keyId: "alice",
    principals,
    validAfter: new Date(NOW),
    validBefore: new Date(NOW + 1000),
  });
}

function list(items: readonly string[]): Buffer {
  const writer = new SshWriter();
  for (const item of items) writer.string(item);
  return writer.done();
}

function options(pairs: Readonly<Record<string, string>>): Buffer {
  const writer = new SshWriter();
  for (const [name, value] of Object.entries(pairs))
    writer.string(name).string(value === "" ? "" : new SshWriter().string(value).done());
  return writer.done();
}
