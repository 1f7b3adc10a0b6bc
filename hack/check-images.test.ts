import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "./bundle.ts";
import { checkImages, compareDockerfile, parseDockerfile } from "./check-images.ts";

const PROXY = readFileSync(join(ROOT, "images/proxy/Dockerfile"), "utf8");
const SSHD = readFileSync(join(ROOT, "images/demo-sshd/Dockerfile"), "utf8");

test("checkImages finds the Dockerfiles saying what hack/images packs", () => {
  assert.deepEqual(checkImages(), []);
});

test("parseDockerfile reads the last stage, continued lines and exec form", () => {
  const facts = parseDockerfile(
    'FROM a AS build\nENV X=1\nFROM b\n# note\nENV A=1 \\\n    B=/x\nUSER 1:1\nENTRYPOINT ["/a", "b"]\n',
  );
  assert.deepEqual(facts.env, { A: "1", B: "/x" });
  assert.deepEqual(facts.entrypoint, ["/a", "b"]);
  assert.equal(facts.user, "1:1");
  assert.equal(facts.from, "b");
});

const DIFFERENCES = [
  { name: "another user", text: PROXY.replace("USER 65532:65532", "USER 0"), want: /USER is "0"/ },
  { name: "a lost flag", text: PROXY.replace(/"--external[^"]*", /, ""), want: /ENTRYPOINT is/ },
  {
    name: "another variable",
    text: PROXY.replace("NODE_ENV=production", "NODE_ENV=development"),
    want: /ENV is/,
  },
  {
    name: "another program's bundle",
    text: PROXY.replaceAll(".local/bundle/proxy", ".local/bundle/operator"),
    want: /COPY is/,
  },
  {
    name: "no bundle built",
    text: PROXY.replace("hack/bundle.ts proxy", "true"),
    want: /builds the bundle proxy/,
  },
  { name: "another release", text: PROXY.replace("cc-debian12", "cc-debian13"), want: /not Debian bookworm/ },
] as const;

for (const { name, text, want } of DIFFERENCES) {
  test(`compareDockerfile names ${name}`, () => {
    assert.match(compareDockerfile("proxy", parseDockerfile(text)).join("\n"), want);
  });
}

test("compareDockerfile names a package or an account that the packed image has", () => {
  const without = SSHD.replace(" rsync", "").replace("--uid 1000", "--uid 1001");
  const problems = compareDockerfile("demo-sshd", parseDockerfile(without)).join("\n");
  assert.match(problems, /package rsync missing/);
  assert.match(problems, /account deploy \(1000\) missing/);
});
