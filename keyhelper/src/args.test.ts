import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parseArguments } from "./args.ts";
import { KeyHelperError } from "./errors.ts";
import { VERSION } from "./version.ts";

const TOKEN = `tah_${"a".repeat(43)}`;
const GOOD = [
  "--server=https://proxy.example.com",
  "--auth=alice",
  `--token=${TOKEN}`,
  "--key-path=/home/alice/.ssh/id_ed25519.pub",
  "--cert-path=/home/alice/.ssh/id_ed25519-cert.pub",
];

test("parseArguments reads --flag=value and --flag value alike", () => {
  const split = GOOD.flatMap((argument) => argument.split(/=(.*)/s).slice(0, 2));
  assert.deepEqual(parseArguments(split, "/home/alice"), parseArguments(GOOD, "/home/alice"));
});

test("parseArguments replaces a leading ~/, which shells leave in --flag=~/file", () => {
  const command = parseArguments(
    [...GOOD.slice(0, 3), "--key-path=~/k.pub", "--cert-path", "~/c"],
    "/home/alice",
  );
  assert.ok(command.do === "run");
  assert.deepEqual(
    [command.settings.keyPath, command.settings.certPath],
    ["/home/alice/k.pub", "/home/alice/c"],
  );
});

test("parseArguments writes the server as an origin", () => {
  for (const [text, want] of [
    ["https://Proxy.Example.com/", "https://proxy.example.com"],
    ["https://proxy.example.com:443", "https://proxy.example.com"],
    ["https://127.0.0.1:30443", "https://127.0.0.1:30443"],
  ] as const) {
    const command = parseArguments([`--server=${text}`, ...GOOD.slice(1)], "/");
    assert.equal(command.do === "run" && command.settings.server, want);
  }
});

test("parseArguments answers --help and --version whatever else is there", () => {
  assert.equal(parseArguments(["--nonsense", "--help"], "/").do, "help");
  assert.equal(parseArguments(["--version"], "/").do, "version");
});

test("parseArguments has a sentence of its own for each mistake, and never repeats a token", () => {
  const table: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /--server is missing/],
    [GOOD.slice(1), /--server is missing/],
    [[GOOD[0] ?? "", ...GOOD.slice(2)], /--auth is missing/],
    [GOOD.filter((a) => !a.startsWith("--token")), /--token is missing/],
    [GOOD.slice(0, 3), /--key-path is missing/],
    [GOOD.slice(0, 4), /--cert-path is missing/],
    [[...GOOD, "--auth=bob"], /--auth is given twice/],
    [[...GOOD, "--verbose"], /no flag --verbose/],
    [[...GOOD, "-v"], /"-v" is not a flag/],
    [[...GOOD, TOKEN], /"tah_aaaaaaaa…" is not a flag/],
    [[...GOOD, "--ca-file"], /--ca-file needs a value/],
    [[...GOOD, "--ca-file="], /--ca-file needs a value/],
    [["--server", "--auth=alice"], /--server needs a value/],
    [[...GOOD, "--token-file=/x"], /exclude each other/],
    [["--server=proxy.example.com", ...GOOD.slice(1)], /https:\/\/ in front/],
    [["--server=http://proxy.example.com", ...GOOD.slice(1)], /must begin with https/],
    [["--server=https://proxy.example.com/x", ...GOOD.slice(1)], /origin only/],
    [["--server=https://alice@proxy.example.com", ...GOOD.slice(1)], /origin only/],
    [["--server=https://", ...GOOD.slice(1)], /not an address/],
    [[GOOD[0] ?? "", "--auth=Alice;rm", ...GOOD.slice(2)], /not a user's name/],
    [[...GOOD.slice(0, 2), "--token=tah_short", ...GOOD.slice(3)], /token is not whole.*this has 9/],
  ];
  for (const [args, want] of table) {
    assert.throws(
      () => parseArguments(args, "/"),
      (error) => {
        assert.ok(error instanceof KeyHelperError && error.code === "USAGE");
        assert.match(error.message, want);
        assert.ok(!error.message.includes(TOKEN));
        assert.ok(!error.message.includes("\n"));
        return true;
      },
    );
  }
});

test("VERSION is the version of the package", () => {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  assert.equal((JSON.parse(text) as { version: string }).version, VERSION);
});
