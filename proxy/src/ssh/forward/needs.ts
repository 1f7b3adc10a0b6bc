/** Which permissions does it take to start this? */
import { forcedCommandOf } from "@teleport-access/access";
import type { Permission } from "@teleport-access/access";
import type { SessionStart } from "@teleport-access/ssh";
import type { Certificate } from "@teleport-access/sshcert";
import { isLegacyScp, startsFileTransfer } from "./file-transfer.ts";

/** Each has to be granted, by whichever grants. */
export interface Needs {
  readonly permission: Permission;
  readonly alsoPermission?: Permission;
}

/** What it takes. A subsystem that is not sftp is a program that the target's administrator chose. */
export function needsOf(start: SessionStart): Needs {
  switch (start.kind) {
    case "shell":
      return { permission: "Shell" };
    case "subsystem":
      return { permission: start.name === "sftp" ? "FileTransfer" : "Exec" };
    case "exec":
      return needsOfCommand(start.command);
  }
}

function needsOfCommand(command: string): Needs {
  if (isLegacyScp(command)) return { permission: "FileTransfer" };
  return startsFileTransfer(command)
    ? { permission: "Exec", alsoPermission: "FileTransfer" }
    : { permission: "Exec" };
}

/** A certificate with a forced command is good for nothing else, whatever was asked for; with one that cannot be read, for nothing. */
export function startAllowedBy(certificate: Certificate, asked: SessionStart): SessionStart | undefined {
  const forced = forcedCommandOf(certificate);
  if (forced === "unreadable") return undefined;
  return forced === undefined ? asked : { kind: "exec", command: forced.command };
}
