/** Copies, and the programs that bring their own protocol over ssh. */
import assert from "node:assert/strict";
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { until } from "@teleport-access/testkit";
import { installedClients } from "../clients/installed.ts";
import { NotApplicable } from "../client.ts";
import type { Invocation } from "../client.ts";
import type { Cell, Feature } from "../cell.ts";
import { sha256 } from "./sessions.ts";

type Copy = "sftp" | "scp" | "scp-over-sftp";

function copying(kind: Copy): (cell: Cell) => Promise<void> {
  return async (cell) => {
    const [there, back] = [path.join(cell.scratch, `${kind}.there`), path.join(cell.scratch, `${kind}.back`)];
    const local = cell.world.payload.file;
    const { status, stdout } = await cell.run({ do: kind, put: [local, there], get: [there, back] });
    assert.equal(status, 0);
    // x/crypto/ssh knows the subsystem only.
    if (cell.client.id === "go") {
      assert.match(stdout.toString(), /sftp version 3/);
      return;
    }
    assert.equal(sha256(readFileSync(back)), sha256(cell.world.payload.bytes));
  };
}

/** A shell line that uses the client as the remote shell of another program. */
async function throughShell(cell: Cell, script: string): Promise<Invocation> {
  const route = await cell.route();
  const { shell, destination, variant } = cell.client.remoteShell(route);
  const env = {
    SHELL_COMMAND: shell,
    DESTINATION: destination,
    GIT_SSH_VARIANT: variant,
    GIT_SSH_COMMAND: shell,
  };
  const agent = route.forwardsAgent ? { SSH_AUTH_SOCK: route.agent } : {};
  const git = { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };
  return { command: "bash", args: ["-euc", script], env: { ...env, ...agent, ...git } };
}

async function rsync(cell: Cell): Promise<void> {
  const tree = path.join(cell.scratch, "tree");
  mkdirSync(path.join(tree, "folder"), { recursive: true });
  for (let i = 0; i < 20; i += 1) writeFileSync(path.join(tree, "folder", String(i)), `file ${i}\n`);
  const script = `
    rsync -a --rsh="$SHELL_COMMAND" tree/ "$DESTINATION:${cell.scratch}/there/"
    rsync -a --rsh="$SHELL_COMMAND" "$DESTINATION:${cell.scratch}/there/" back/
    diff -r tree back && echo same`;
  const { stdout } = await cell.runInvocation(await throughShell(cell, script));
  assert.match(stdout.toString(), /same/);
}

async function git(cell: Cell): Promise<void> {
  const script = `
    git init -q --bare -b main there.git
    git clone -q "$DESTINATION:${cell.scratch}/there.git" work 2>&1
    cd work
    git symbolic-ref HEAD refs/heads/main
    head -c 200000 ${cell.world.payload.file} > file && git add file
    git -c user.name=Test -c user.email=test@example.com commit -q -m change
    git push -q origin main
    cd .. && git clone -q "$DESTINATION:${cell.scratch}/there.git" again
    cmp work/file again/file && echo same`;
  const { stdout } = await cell.runInvocation(await throughShell(cell, script));
  assert.match(stdout.toString(), /same/);
}

/** sshfs runs an ssh of its own; a mount needs /dev/fuse and the right to mount. */
async function sshfs(cell: Cell): Promise<void> {
  if (cell.client.remoteShell(await cell.route()).variant !== "ssh") {
    throw new NotApplicable("sshfs gives its options in ssh's own words");
  }
  if (cell.form === "forward") throw new NotApplicable("sshfs starts ssh with -a: no agent, no login");
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK);
  } catch {
    throw new NotApplicable("there is no /dev/fuse on this machine");
  }
  const script = `
    mkdir -p mount there
    sshfs -o ssh_command="$SHELL_COMMAND" "$DESTINATION:${cell.scratch}/there" mount
    trap 'fusermount3 -u mount' EXIT
    cp ${cell.world.payload.file} mount/file
    cmp mount/file there/file && echo same`;
  const { stdout, stderr } = await cell.runInvocation(await throughShell(cell, script));
  if (/fuse: (device not found|mount failed|failed to open|.*not permitted)/.test(stderr)) {
    throw new NotApplicable("this machine lets nobody mount a file system");
  }
  assert.match(stdout.toString(), /same/);
  await until("the unmount", () => !readFileSync("/proc/mounts", "utf8").includes(cell.scratch), {
    deadlineMs: 5000,
  });
}

/** ansible pings a host and copies a file to it, with the ssh that is in PATH. */
async function ansible(cell: Cell): Promise<void> {
  const { ansible: program } = installedClients();
  if (typeof program !== "string") throw new NotApplicable(program.missing);
  const route = await cell.route();
  const { shell, destination, variant } = cell.client.remoteShell(route);
  if (variant !== "ssh") throw new NotApplicable("Ansible gives its options in ssh's own words");
  const [ssh = "", ...args] = shell.split(" ");
  const [login, host] = splitAtLast(destination);
  const there = path.join(cell.scratch, "ansible.there");
  const env = {
    ANSIBLE_HOME: cell.scratch,
    ANSIBLE_SSH_EXECUTABLE: ssh,
    ANSIBLE_SSH_ARGS: args.join(" "),
    ANSIBLE_REMOTE_USER: login,
    ANSIBLE_REMOTE_TEMP: path.join(cell.scratch, "remote"),
    ANSIBLE_PYTHON_INTERPRETER: path.join(path.dirname(program), "python3"),
    LC_ALL: "C.UTF-8",
    ...(route.forwardsAgent ? { SSH_AUTH_SOCK: route.agent } : {}),
  };
  const copy = `src=${cell.world.folder.file("id_ed25519.pub")} dest=${there}`;
  for (const task of [
    ["-m", "ping"],
    ["-m", "copy", "-a", copy],
  ]) {
    const args = ["all", "-i", `${host},`, ...task];
    const { status, stdout } = await cell.runInvocation({ command: program, args, env });
    assert.equal(status, 0);
    assert.match(stdout.toString(), /SUCCESS|CHANGED/);
  }
  assert.deepEqual(readFileSync(there), readFileSync(cell.world.folder.file("id_ed25519.pub")));
}

/** `login@host`, where the login may have an @ itself. */
function splitAtLast(destination: string): readonly [string, string] {
  const at = destination.lastIndexOf("@");
  return [destination.slice(0, at), destination.slice(at + 1)];
}

export const FILES: readonly Feature[] = [
  { id: "sftp", basic: true, name: "sftp", try: copying("sftp") },
  { id: "scp", name: "scp (its own protocol, -O)", try: copying("scp") },
  { id: "scp-over-sftp", name: "scp (over SFTP)", try: copying("scp-over-sftp") },
  { id: "rsync", name: "rsync", try: rsync },
  { id: "git", name: "git clone, push", try: git },
  { id: "sshfs", name: "sshfs", try: sshfs },
  { id: "ansible", name: "Ansible: ping, copy", slow: true, try: ansible },
];
