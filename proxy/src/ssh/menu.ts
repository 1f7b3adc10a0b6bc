/**
 * `ssh proxy` without a target: what the person may use, as lines that can be typed.
 * A listing, not a decision; packages/access decides each use.
 */
import { listReachable } from "@teleport-access/access";
import type { AnnouncedTarget, ReachableTarget, World } from "@teleport-access/access";

/** The text for `user`. */
export function menuText(
  user: string,
  world: World,
  announcedTargets: (cluster: string) => readonly AnnouncedTarget[],
): string {
  const reachable = listReachable(user, world, announcedTargets);
  const lines =
    reachable.length === 0
      ? ["There is nothing you may reach now."]
      : ["You may reach:", "", ...reachable.map(lineOf)];
  return ["", `Signed in as ${user}.`, ...lines, ""].join("\n") + "\n";
}

function lineOf({ host, cluster, exact, logins }: ReachableTarget): string {
  const name = `${host}.${cluster}`;
  return exact
    ? `  ${logins.map((login) => `ssh ${login}@${name}`).join("   ")}`
    : `  any target like ${name} as ${logins.join(", ")}`;
}
