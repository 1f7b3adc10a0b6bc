import assert from "node:assert/strict";
import { test } from "node:test";
import { debianSources } from "./debian-layer.ts";

const CASES = [
  {
    name: "no mirror of another distribution",
    texts: ["deb http://mirror.example/ubuntu noble main\n"],
    want: [],
  },
  {
    name: "the mirrors of a deb822 file",
    texts: [
      "Types: deb\nURIs: https://mirror.example/debian\n\nURIs: https://mirror.example/debian-security/\n",
    ],
    want: [
      "deb https://mirror.example/debian bookworm main",
      "deb https://mirror.example/debian bookworm-updates main",
      "deb https://mirror.example/debian-security bookworm-security main",
    ],
  },
  {
    name: "the mirror of a one-line file with options",
    texts: ["# deb http://old/debian x\ndeb [signed-by=/k.gpg] http://near.example/debian trixie main\n"],
    want: [
      "deb http://near.example/debian bookworm main",
      "deb http://near.example/debian bookworm-updates main",
    ],
  },
] as const;

for (const { name, texts, want } of CASES) {
  test(`debianSources uses ${name}`, () => {
    assert.deepEqual(debianSources(texts), want);
  });
}
