/**
 * Which commands move files? scp, rsync and sftp run a program at the target, by an ordinary command line.
 *
 * This keeps a grant without FileTransfer from being passed by without a thought, and lets old scp through with
 * FileTransfer alone. It is no sandbox: whoever may run commands can move files with `cat` (docs/security-model.md).
 */

/** Words that only say how the next word is run. */
const PREFIXES: readonly string[] = ["exec", "command", "builtin", "env", "nice", "nohup", "sudo", "doas"];
const SERVERS: readonly string[] = ["sftp-server", "internal-sftp"];
const SEPARATORS = /[;&|(){}\n]+/;
const ASSIGNMENT = /^[A-Za-z_]\w*=/;

/** Whether the command line starts one of the programs behind scp, sftp and rsync anywhere in it. */
export function startsFileTransfer(command: string): boolean {
  return command.split(SEPARATORS).some((part) => isTransfer(wordsOf(part)));
}

/** Words as a shell would compare them: quotes and backslashes gone, prefixes and assignments skipped. */
function wordsOf(part: string): readonly string[] {
  const words = part
    .split(/\s+/)
    .map((word) => word.replaceAll(/["'\\]/g, ""))
    .filter((word) => word !== "");
  const first = words.findIndex((word) => !PREFIXES.includes(nameOf(word)) && !ASSIGNMENT.test(word));
  return first < 0 ? [] : words.slice(first);
}

function nameOf(word: string): string {
  return word.slice(word.lastIndexOf("/") + 1);
}

function isTransfer([program = "", ...rest]: readonly string[]): boolean {
  const name = nameOf(program);
  if (SERVERS.includes(name)) return true;
  if (name === "scp") return rest.some((word) => /^-[A-Za-z]*[tf]/.test(word));
  return name === "rsync" && rest.includes("--server");
}

/** One path as the shell reads it: plain characters, globs, escaped characters, single quotes. Nothing that runs. */
const PATH = String.raw`(?:[\w./~+,:@%=^*?[\]-]|\\[^\n]|'[^'\n]*')+`;
const LEGACY_SCP = new RegExp(String.raw`^scp(?: -[vrpdq])* -[tf] (?<end>-- )?(?<path>${PATH})$`);

/** Whether it is exactly what `scp -O` asks for, with nothing in it that a shell would run. */
export function isLegacyScp(command: string): boolean {
  const { end, path } = LEGACY_SCP.exec(command)?.groups ?? {};
  // However it is quoted, scp reads a leading dash as an option.
  return path !== undefined && (end !== undefined || !path.replaceAll(/["'\\]/g, "").startsWith("-"));
}
