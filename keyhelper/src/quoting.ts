/**
 * Putting paths and names into files that ssh reads. Pure.
 *
 * ssh_config has quotes but, before OpenSSH 8.7, no way to escape one inside; it
 * expands `%` and `${}` in paths; and what it runs ends up in a shell. So paths
 * are quoted, per cents doubled, and what cannot be quoted in every version is
 * refused; names are held to letters that mean nothing anywhere.
 */
import { KeyHelperError } from "./errors.ts";

const UNQUOTABLE = /["'$`\\\p{Cc}]/u;
const NAME = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/;
const ADDRESS = /^[0-9a-f:.]+$/;

/** A path as an argument of an ssh_config keyword. Throws KeyHelperError PATH_NOT_QUOTABLE. */
export function quotePath(path: string): string {
  if (UNQUOTABLE.test(path)) {
    throw new KeyHelperError(
      "PATH_NOT_QUOTABLE",
      `ssh cannot be told about the path ${JSON.stringify(path)}`,
    );
  }
  return `"${path.replaceAll("%", "%%")}"`;
}

/** A host, user or cluster name, unchanged. Throws KeyHelperError SERVER_PROTOCOL: a proxy of ours sends no other. */
export function plainName(name: string): string {
  if (NAME.test(name) || ADDRESS.test(name)) return name;
  throw new KeyHelperError(
    "SERVER_PROTOCOL",
    `the server sent the name ${JSON.stringify(name.slice(0, 64))}`,
  );
}
