/** What only the forward form has: its hint, its other spelling, and what it refuses. */
import assert from "node:assert/strict";
import { freePort } from "@teleport-access/testkit";
import type { Cell, Feature } from "../cell.ts";

async function hint(cell: Cell): Promise<void> {
  const route = await cell.route({ forwardsAgent: false });
  const { status, stderr } = await cell.run({ do: "session", command: "true" }, { route });
  assert.notEqual(status, 0);
  assert.match(stderr, /add -A/);
}

async function percent(cell: Cell): Promise<void> {
  const route = await cell.route({ separator: "%" });
  const { status, stdout } = await cell.run({ do: "session", command: "echo inside" }, { route });
  assert.deepEqual([status, stdout.toString()], [0, "inside\n"]);
}

async function remoteRefused(cell: Cell): Promise<void> {
  const operation = {
    do: "forward",
    kind: "remote",
    listen: await freePort(),
    to: cell.world.echoPort,
  } as const;
  const { stdout, stderr } = await cell.run(operation);
  // Some clients go on without it, OpenSSH was told not to; all of them say so.
  assert.match(stderr, /forward/i);
  if (cell.client.id.startsWith("OpenSSH")) assert.equal(stdout.toString(), "");
}

async function x11Refused(cell: Cell): Promise<void> {
  const display = cell.world.display.environment;
  const { stdout, stderr } = await cell.run({ do: "session", command: "echo [$DISPLAY]", display });
  assert.match(stderr, /X11/);
  assert.doesNotMatch(stdout.toString(), /\[.+\]/);
}

export const FORWARD_FORM: readonly Feature[] = [
  { id: "hint", basic: true, name: "without -A: a hint", forms: ["forward"], try: hint },
  { id: "percent", name: "login%target@proxy", forms: ["forward"], try: percent },
  { id: "remote-refused", name: "-R is refused, and says so", forms: ["forward"], try: remoteRefused },
  { id: "x11-refused", name: "X11 is refused, and says so", forms: ["forward"], try: x11Refused },
];
