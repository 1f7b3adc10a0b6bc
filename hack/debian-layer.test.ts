import assert from "node:assert/strict";
import { test } from "node:test";
import { debianSources } from "./debian-layer.ts";

const CASES = [
  {
    name: "Debian's own mirrors when the machine has none",
    texts: ["deb http://archive.ubuntu.com/ubuntu noble main\n"],
    want: ["http://deb.debian.org/debian", "http://deb.debian.org/debian-security"],
  },
  {
    name: "the mirrors of a deb822 file",
    texts: [
      "Types: deb\nURIs: https://mirror.example/debian\n\nURIs: https://mirror.example/debian-security/\n",
    ],
    want: ["https://mirror.example/debian", "https://mirror.example/debian-security"],
  },
  {
    name: "the mirror of a one-line file with options",
    texts: ["# deb http://old/debian x\ndeb [signed-by=/k.gpg] http://near.example/debian trixie main\n"],
    want: ["http://near.example/debian", "http://deb.debian.org/debian-security"],
  },
] as const;

for (const { name, texts, want } of CASES) {
  test(`debianSources uses ${name}`, () => {
    assert.deepEqual(debianSources(texts), [
      `deb ${want[0]} bookworm main`,
      `deb ${want[0]} bookworm-updates main`,
      `deb ${want[1]} bookworm-security main`,
    ]);
  });
}
