/**
 * `ssh proxy` without a target: what the person may use, as a table for people or as JSON for programs.
 * A listing, not a decision; packages/access decides each use.
 */
import { expiryOf, listGranted } from "@teleport-access/access";
import type { AnnouncedTarget, GrantedTarget, World } from "@teleport-access/access";
import { visibleText } from "@teleport-access/daemon";
import type { SessionReply } from "@teleport-access/ssh";
import type { Certificate } from "@teleport-access/sshcert";

/** What the menu is made from. */
export interface MenuFacts {
  readonly user: string;
  readonly certificate: Certificate;
  /** The person's address: what may not be used from there is not listed. */
  readonly source: string;
  readonly world: World;
  announcedTargets(cluster: string): readonly AnnouncedTarget[];
  /** Whether an agent of the cluster is connected to this proxy. */
  connected(cluster: string): boolean;
}

/** Answers a command line; the empty one is a shell. */
export function answerMenu(command: string, facts: MenuFacts): SessionReply {
  const words = command.split(/\s+/).filter((word) => word !== "");
  switch (words.join(" ")) {
    case "":
    case "targets":
      return { stdout: tableOf(facts), status: 0 };
    case "targets --json":
      return { stdout: `${JSON.stringify(documentOf(facts))}\n`, status: 0 };
    default:
      return { stderr: `${usageAfter(words)}\n`, status: USAGE_STATUS };
  }
}

/** As of shells and kubectl: the command line was wrong. */
const USAGE_STATUS = 2;
/** Two names of Kubernetes, of 253 characters each, and a dot. */
const MAX_NAME = 507;
/** Of what somebody typed, enough to recognise it. */
const MAX_ECHO = 40;
const USAGE =
  "this proxy answers `targets` and `targets --json`; to reach a target: ssh -J <this proxy> <login>@<host>.<cluster>";

function usageAfter([first = ""]: readonly string[]): string {
  if (first === "help" || first === "targets" || first === "-h" || first === "--help")
    return `usage: ${USAGE}`;
  return `unknown command "${visibleText(first, MAX_ECHO)}": ${USAGE}`;
}

/** What `targets --json` prints (docs/protocol.md); fields are added, never changed, within a version. */
export interface TargetsDocument {
  readonly version: 1;
  readonly user: string;
  /** Times are RFC 3339 in UTC; null is "never". */
  readonly certificate: { readonly expires: string | null };
  readonly targets: readonly TargetEntry[];
}

/** Logins on one host under the same terms; a host may have several. */
export interface TargetEntry {
  /** `host.cluster`. */
  readonly name: string;
  readonly host: string;
  readonly cluster: string;
  /** False: `host` is a pattern, since no agent announces a host that it matches. */
  readonly exact: boolean;
  readonly logins: readonly string[];
  /** Null: every port that the cluster's owner lists. */
  readonly ports: readonly number[] | null;
  readonly permissions: readonly string[];
  /** When the grant ends. */
  readonly expires: string | null;
  readonly secondFactor: "PerSignIn" | "PerSession";
  readonly state: "trusted" | "suspended";
  /** An agent of the cluster is connected to the proxy that answers. */
  readonly connected: boolean;
}

function documentOf(facts: MenuFacts): TargetsDocument {
  return {
    version: 1,
    user: name(facts.user),
    certificate: { expires: timeOf(expiryOf(facts.certificate)) },
    targets: listGranted(facts).map((target) => entryOf(target, facts)),
  };
}

function entryOf(target: GrantedTarget, facts: MenuFacts): TargetEntry {
  const { host, cluster, exact, ports, suspended } = target;
  return {
    name: name(`${host}.${cluster}`),
    host: name(host),
    cluster: name(cluster),
    exact,
    logins: target.logins.map(name),
    ports: ports === "*" ? null : ports,
    permissions: target.permissions,
    expires: timeOf(target.expires ?? Infinity),
    secondFactor: target.secondFactor,
    state: suspended ? "suspended" : "trusted",
    connected: facts.connected(cluster),
  };
}

/** Names of objects are harmless by their schema; what is printed at a terminal does not rest on that. */
function name(text: string): string {
  return visibleText(text, MAX_NAME);
}

/** Null for what lies beyond every calendar. */
function timeOf(milliseconds: number): string | null {
  const time = new Date(milliseconds);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}

const HEAD = ["TARGET", "LOGINS", "PORTS", "PERMISSIONS", "CODE", "EXPIRES", "CLUSTER"] as const;
function tableOf(facts: MenuFacts): string {
  const { user, certificate, targets } = documentOf(facts);
  const greeting = `Signed in as ${user}; the certificate ends ${certificate.expires ?? "never"}.`;
  if (targets.length === 0) return `${greeting}\nThere is nothing you may reach now.\n`;
  const rows = [HEAD, ...targets.map(rowOf)];
  return `${greeting}\n\n${alignRows(rows)}${hintOf(targets)}`;
}

function rowOf(entry: TargetEntry): readonly string[] {
  return [
    entry.name,
    entry.logins.join(","),
    entry.ports?.join(",") ?? "any",
    entry.permissions.join(","),
    entry.secondFactor === "PerSession" ? "each session" : "no",
    entry.expires ?? "never",
    clusterOf(entry),
  ];
}

function clusterOf({ state, connected }: TargetEntry): string {
  if (state === "suspended") return "suspended";
  return connected ? "trusted, connected" : "trusted, no agent connected";
}

/** The first that can be typed as it stands. */
function hintOf(targets: readonly TargetEntry[]): string {
  const first = targets.find(({ exact, logins, state }) => exact && logins.length > 0 && state === "trusted");
  if (first === undefined) return "";
  return `\nTo connect: ssh -J <this proxy> ${first.logins[0] ?? ""}@${first.name}\n`;
}

/** Columns as wide as their widest cell, two spaces apart, nothing behind the last. */
function alignRows(rows: readonly (readonly string[])[]): string {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join("  "));
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}
