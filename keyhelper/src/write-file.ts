/**
 * Writing files that other programs read at any moment: whole or not at all.
 */
import { randomBytes } from "node:crypto";
import { link, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KeyHelperError, systemReason } from "./errors.ts";

/** Replaces `path` in one step; on failure the old file is untouched and nothing is left behind. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  await viaTemporary(path, text, mode, (temporary) => rename(temporary, path));
}

/** Makes `path` in one step; false when it exists already, whoever made it. */
export async function createFile(path: string, text: string, mode: number): Promise<boolean> {
  try {
    await viaTemporary(path, text, mode, (temporary) => link(temporary, path));
    return true;
  } catch (error) {
    if (error instanceof KeyHelperError && isCode(error.cause, "EEXIST")) return false;
    throw error;
  }
}

async function viaTemporary(
  path: string,
  text: string,
  mode: number,
  place: (temporary: string) => Promise<void>,
): Promise<void> {
  // In the same folder: a rename across file systems is a copy.
  const temporary = join(dirname(path), `.key-helper-${randomBytes(6).toString("hex")}`);
  try {
    const file = await open(temporary, "wx", mode);
    try {
      // The mode given to open is cut by the umask; ssh needs to read it whatever that is.
      await file.chmod(mode);
      await file.writeFile(text);
      // Otherwise a power cut could leave the new name with the old disk's nothing.
      await file.sync();
    } finally {
      await file.close();
    }
    await place(temporary);
  } catch (cause) {
    throw new KeyHelperError("WRITE_FAILED", `cannot write ${path}: ${systemReason(cause)}`, { cause });
  } finally {
    await rm(temporary, { force: true });
  }
}

/** The beginning of a file, at most `bytes`; undefined when there is none. Other errors are node's own. */
export async function readBeginning(path: string, bytes: number): Promise<string | undefined> {
  let file;
  try {
    file = await open(path, "r");
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
  try {
    const buffer = Buffer.alloc(bytes);
    const { bytesRead } = await file.read(buffer, 0, bytes, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Whether `error` is one of the operating system with this code. */
export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
