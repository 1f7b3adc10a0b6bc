/**
 * The certificate's file: written whole, removed at revocation, and never
 * anything else's file.
 */
import { access, constants, readFile, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { parseCertificateLine } from "@teleport-access/sshcert";
import type { Certificate, SshPublicKey } from "@teleport-access/sshcert";
import { KeyHelperError, systemReason } from "./errors.ts";
import { readBeginning, replaceFile } from "./write-file.ts";

const CERTIFICATE = /^[a-z0-9-]+-cert-v01@openssh\.com /;
/** Longer than the longest name of a certificate's type. */
const BEGINNING_BYTES = 64;

/** Refuses, before anything else is done, a path that we could not write, or that holds something else. */
export async function checkCertificatePath(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    if (!(await stat(folder)).isDirectory()) throw new Error("it is not a folder");
  } catch (cause) {
    throw new KeyHelperError("CERT_DIR_NOT_WRITABLE", `cannot write into ${folder}: ${systemReason(cause)}`, {
      cause,
    });
  }
  let beginning: string | undefined;
  try {
    beginning = await readBeginning(path, BEGINNING_BYTES);
  } catch (cause) {
    throw new KeyHelperError("CERT_PATH_TAKEN", `${path} cannot be read: ${systemReason(cause)}`, { cause });
  }
  // A private key given as --cert-path by mistake must not be overwritten.
  if (beginning !== undefined && beginning !== "" && !CERTIFICATE.test(beginning)) {
    throw new KeyHelperError("CERT_PATH_TAKEN", `${path} exists and is not an SSH certificate`);
  }
}

/** The certificate in `line`, if it is one for `key` and `user`. Throws KeyHelperError SERVER_PROTOCOL. */
export function checkCertificate(line: string, key: SshPublicKey, user: string): Certificate {
  const certificate = parseOrRefuse(line);
  const problem = problemOf(certificate, key, user);
  if (problem !== undefined)
    throw new KeyHelperError("SERVER_PROTOCOL", `the server sent a certificate ${problem}`);
  return certificate;
}

function parseOrRefuse(line: string): Certificate {
  try {
    return parseCertificateLine(line);
  } catch (cause) {
    throw new KeyHelperError("SERVER_PROTOCOL", "the server sent something that is no certificate", {
      cause,
    });
  }
}

function problemOf(certificate: Certificate, key: SshPublicKey, user: string): string | undefined {
  if (certificate.type !== "user") return "that is not a person's";
  if (!certificate.publicKey.blob.equals(key.blob)) return "for another key";
  if (certificate.keyId !== user) return "for another user";
  return certificate.principals.length === 0 ? "without principals" : undefined;
}

/** Everybody may read a certificate: it is worth nothing without the private key. */
export async function writeCertificate(path: string, line: string): Promise<void> {
  await replaceFile(path, `${line.trim()}\n`, 0o644);
}

/** The certificate for `key` in the file, if there is one; anything else that may be there is nobody's business here. */
export async function readCertificate(path: string, key: SshPublicKey): Promise<Certificate | undefined> {
  try {
    const certificate = parseCertificateLine((await readFile(path, "utf8")).trim());
    return certificate.publicKey.blob.equals(key.blob) ? certificate : undefined;
  } catch {
    return undefined;
  }
}

/** Removes the certificate for `key` and returns it; undefined when there is none. One for another key is left alone. */
export async function removeCertificate(path: string, key: SshPublicKey): Promise<Certificate | undefined> {
  const certificate = await readCertificate(path, key);
  if (certificate === undefined) return undefined;
  try {
    await rm(path);
    return certificate;
  } catch (cause) {
    throw new KeyHelperError("WRITE_FAILED", `cannot remove ${path}: ${systemReason(cause)}`, { cause });
  }
}
