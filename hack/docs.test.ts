/** Holds the docs to the code: every error code is explained, and nothing else is. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "..");

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** The files that declare a closed list of codes, and how it begins there. */
const LISTS = [
  ["packages/daemon/src/config.ts", /type ConfigErrorCode =([^;]*);/],
  ["packages/kube/src/errors.ts", /KUBE_ERRORS = \{([^}]*)\}/],
  ["packages/ssh/src/errors.ts", /type SshErrorCode =([^;]*);/],
  ["packages/sshcert/src/bytes.ts", /readonly code = ([^;]*);/],
  ["proxy/src/errors.ts", /type ProxyErrorCode =([^;]*);/],
  ["cluster-agent/src/errors.ts", /type AgentErrorCode =([^]*?)export class/],
  ["operator/src/errors.ts", /type OperatorErrorCode =([^]*?)export class/],
  ["keyhelper/src/errors.ts", /KEY_HELPER_ERRORS = \{([^}]*)\}/],
] as const;

function codesInSource(): string[] {
  return LISTS.flatMap(([path, pattern]) => {
    const list = pattern.exec(read(path))?.[1];
    assert.ok(list !== undefined, `${path}: its list of codes is not where this test looks`);
    return [...list.matchAll(/^\s*([A-Z][A-Z_]+):|"([A-Z][A-Z_]+)"/gm)].map((m) => m[1] ?? m[2] ?? "");
  });
}

test("docs/errors.md explains every error code, and no other", () => {
  const explained = [...read("docs/errors.md").matchAll(/^\| `([A-Z_]+)`/gm)].map((m) => m[1] ?? "");
  assert.deepEqual(explained.toSorted(), codesInSource().toSorted());
});

test("docs and README link only to files that exist", () => {
  for (const path of [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    ...globSync("docs/**/*.md", { cwd: ROOT }),
  ]) {
    for (const [, link = ""] of read(path).matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)) {
      assert.ok(
        existsSync(join(ROOT, dirname(path), link)),
        `${path} links to ${link}, which does not exist`,
      );
    }
  }
});

test("docs/security-model.md names tests that exist", () => {
  for (const [, path = ""] of read("docs/security-model.md").matchAll(/`([a-z][\w/.-]*\.test\.ts)`/g)) {
    assert.ok(existsSync(join(ROOT, path)), `docs/security-model.md names ${path}, which does not exist`);
  }
});

test("README.md gives each runtime dependency a reason", () => {
  const readme = read("README.md");
  const manifests = globSync("{packages/*,operator,proxy,cluster-agent,keyhelper}/package.json", {
    cwd: ROOT,
  });
  for (const path of manifests) {
    const manifest = JSON.parse(read(path)) as { readonly dependencies?: Readonly<Record<string, string>> };
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      if (name.startsWith("@teleport-access/")) continue;
      assert.ok(
        readme.includes(`\`${name}\``),
        `${path} depends on ${name}: give it a row in README.md, Dependencies`,
      );
    }
  }
});
