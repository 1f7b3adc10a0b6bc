/**
 * Holds the direction of imports: programs, then the edges they share, then
 * rules and messages, then vocabulary, codec and plumbing. Never sideways between
 * programs, never up, never in a circle. (`tsc -b` notices none of this.)
 *
 *   node hack/check-layers.ts
 */
import { globSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";

/** What each workspace may import. docs/architecture.md draws the same table. */
export const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  "packages/sshcert": [],
  "packages/crd": [],
  "packages/daemon": [],
  "packages/wire": ["sshcert", "daemon"],
  "packages/access": ["sshcert", "crd", "wire"],
  "packages/kube": ["crd", "daemon"],
  "packages/ssh": ["sshcert", "daemon"],
  "packages/testkit": ["sshcert", "crd", "daemon", "wire", "access", "ssh"],
  operator: ["sshcert", "crd", "daemon", "wire", "kube"],
  proxy: ["sshcert", "crd", "daemon", "wire", "access", "kube", "ssh"],
  "cluster-agent": ["sshcert", "crd", "daemon", "wire", "kube", "ssh"],
  keyhelper: ["sshcert", "daemon", "wire"],
};

/** Pure packages: no node module but node:crypto (and node:net for address arithmetic, which opens nothing). */
const PURE = ["packages/sshcert", "packages/access", "packages/wire", "packages/crd"];
const PURE_BUILTINS = ["node:crypto", "node:net"];

const IMPORT =
  /^\s*(?:import|export)\s[^;'"]*?from\s+["']([^"']+)["']|^\s*import\s+["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm;

/** Tests, and what only they use: `x.test.ts`, `fake-x.ts`, `test-x.ts`. They may import what they like. */
const TEST_FILE = /\.test\.ts$|(?:^|\/)(?:fake|test)-[^/]*\.ts$/;

/** The sentence for one import that breaks the layers, or undefined when it is in order. */
export function checkImport(workspace: string, file: string, specifier: string): string | undefined {
  if (TEST_FILE.test(file)) return undefined;
  if (TEST_FILE.test(specifier) && workspace !== "packages/testkit")
    return `${file}: only tests may import ${specifier}`;
  if (specifier.startsWith("@teleport-access/")) {
    const name = specifier.slice("@teleport-access/".length);
    return ALLOWED[workspace]?.includes(name) === true
      ? undefined
      : `${file}: ${workspace} may not import ${name}`;
  }
  return breaksPurity(workspace, specifier)
    ? `${file}: ${workspace} is pure and may not import ${specifier}`
    : undefined;
}

function breaksPurity(workspace: string, specifier: string): boolean {
  const builtin = specifier.startsWith("node:") || builtinModules.includes(specifier);
  return builtin && PURE.includes(workspace) && !PURE_BUILTINS.includes(specifier);
}

function workspaceOf(file: string): string {
  const [first = "", second = ""] = file.split("/");
  return first === "packages" ? `${first}/${second}` : first;
}

/** Every violation in the tree below the current folder. */
export function checkTree(): string[] {
  const files = globSync("{packages/*,operator,proxy,cluster-agent,keyhelper}/src/**/*.{ts,tsx}");
  return files.flatMap((file) => {
    const text = readFileSync(file, "utf8");
    const specifiers = [...text.matchAll(IMPORT)].map((m) => m[1] ?? m[2] ?? m[3] ?? "");
    return specifiers.flatMap((s) => checkImport(workspaceOf(file), file, s) ?? []);
  });
}

if (import.meta.main) {
  const problems = checkTree();
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exit(1);
}
