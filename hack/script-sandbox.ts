/**
 * Where the tests of hack/kubernetes run it: a copy of the scripts in a folder
 * of their own, with a home of its own and stubs for the programs they call.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

const HACK = import.meta.dirname;

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A checkout with nothing but the scripts, and a PATH that begins with stubs. */
export class Sandbox {
  readonly root: string = mkdtempSync(join(tmpdir(), "local-kubernetes-"));
  readonly calls: string = join(this.root, "calls");

  constructor() {
    mkdirSync(join(this.root, "stubs"));
    mkdirSync(join(this.root, "home"));
    mkdirSync(join(this.root, "hack"));
    for (const name of ["kubernetes", "local-kubernetes"]) {
      cpSync(join(HACK, name), join(this.root, "hack", name), { recursive: true });
    }
    // No test may install a package or reach a Docker engine, a cluster or root's rights.
    for (const name of ["apt-get", "sudo", "docker", "kind", "kubectl", "helm", "go"])
      this.stub(name, "exit 1");
  }

  /** A program that notes its call and then does as told. */
  stub(name: string, body: string): void {
    const path = join(this.root, "stubs", name);
    writeFileSync(path, `#!/bin/bash\necho "${name} $*" >>"${this.calls}"\n${body}\n`);
    chmodSync(path, 0o755);
  }

  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Result {
    const result = spawnSync(args[0] ?? "", args.slice(1), {
      cwd: this.root,
      encoding: "utf8",
      env: {
        PATH: `${join(this.root, "stubs")}:/usr/sbin:/usr/bin:/sbin:/bin`,
        HOME: join(this.root, "home"),
        CLUSTER_NAME: "a",
        ...env,
      },
    });
    return {
      code: result.status,
      stdout: this.#neutral(result.stdout),
      stderr: this.#neutral(result.stderr),
    };
  }

  kubernetes(args: readonly string[], env: Readonly<Record<string, string>> = {}): Result {
    return this.run(["hack/kubernetes", ...args], env);
  }

  /** Runs a line of bash after the given files of hack/local-kubernetes. */
  bash(files: readonly string[], line: string, env: Readonly<Record<string, string>> = {}): Result {
    const sources = files.map((file) => `. hack/local-kubernetes/${file}.sh`).join("; ");
    return this.run(["bash", "-c", `set -euo pipefail; ${sources}; ${line}`], env);
  }

  /** The calls of the named program so far, without this machine's paths. */
  callsOf(...names: readonly string[]): string[] {
    if (!existsSync(this.calls)) return [];
    const lines = this.#neutral(readFileSync(this.calls, "utf8")).trim().split("\n");
    return lines.filter((line) => names.some((name) => line.startsWith(`${name} `)));
  }

  #neutral(text: string): string {
    return text.replaceAll(this.root, "ROOT");
  }
}

const sandboxes: Sandbox[] = [];
/** A new sandbox, deleted after the file's last test. */
export function sandbox(): Sandbox {
  const made = new Sandbox();
  sandboxes.push(made);
  return made;
}
after(() => {
  for (const { root } of sandboxes) rmSync(root, { recursive: true, force: true });
});
