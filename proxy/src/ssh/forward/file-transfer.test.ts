import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";
import fc from "fast-check";
import { isLegacyScp, startsFileTransfer } from "./file-transfer.ts";

describe("startsFileTransfer()", () => {
  for (const command of [
    "scp -t /tmp/x",
    "scp -f /tmp/x",
    "scp -v -r -p -t -- -odd",
    "scp -pt x",
    "/usr/bin/scp -t x",
    "\\scp -t x",
    "'scp' '-t' x",
    "s''cp -f x",
    "exec scp -t x",
    "env A=b scp -t x",
    "A=b C=d /bin/scp -f x",
    "cd /tmp; scp -t x",
    "true && scp -t x",
    "(scp -t x)",
    "nohup sudo scp -f x &",
    "rsync --server -vlogDtpre.iLsfxCIvu . /tmp",
    "rsync --server --sender -logDtpre.iLsfxCIvu . /tmp",
    "/usr/lib/openssh/sftp-server",
    "exec /usr/lib/sftp-server -e",
    "internal-sftp",
  ]) {
    test(`startsFileTransfer() sees it in ${command}`, () => {
      assert.equal(startsFileTransfer(command), true);
    });
  }

  for (const command of [
    "",
    "ls -t",
    "scp a b:c",
    "scp host:x /tmp",
    "echo scp -t x",
    "man scp",
    "rsync -a a/ b:/c/",
    "rsync --daemon",
    "cat /usr/lib/openssh/sftp-server | wc -c",
    "tail -f sftp-server.log",
    "git-upload-pack 'x.git'",
  ]) {
    test(`startsFileTransfer() sees none in ${JSON.stringify(command)}`, () => {
      assert.equal(startsFileTransfer(command), false);
    });
  }
});

describe("isLegacyScp()", () => {
  for (const command of [
    "scp -t /tmp/x",
    "scp -f /tmp/x",
    "scp -v -r -p -t .",
    "scp -r -d -t ~alice/x",
    "scp -t -- -odd",
    "scp -f /var/log/*.log",
    "scp -f 'a b; c'",
    "scp -f a\\ b",
    "scp -f x[0-9]?.txt",
  ]) {
    test(`isLegacyScp() takes ${command}`, () => {
      assert.equal(isLegacyScp(command), true);
      assert.equal(startsFileTransfer(command), true);
    });
  }

  for (const command of [
    "scp -t",
    "scp -t ",
    "scp /tmp/x",
    "scp -t /tmp/x; id",
    "scp -t $(id)",
    "scp -t `id`",
    "scp -t x && id",
    "scp -t x | id",
    "scp -t x > y",
    "scp -t x\nid",
    "scp -t 'x\ny'",
    'scp -t "$HOME"',
    "scp -t a b",
    "scp -t -S/tmp/evil",
    "scp -t '-S/tmp/evil'",
    "scp -t ''\\-S/tmp/evil",
    "scp -S /tmp/evil -t x",
    "scp -oProxyCommand=id -t x",
    "scp -t -- x y",
    "/usr/bin/scp -t x",
    " scp -t x",
    "scp  -t x",
    "scp -t x ",
    "scp -t x\\\nid",
    "scp -t {a,b}",
    "scp -t x#y;id",
    "scp -t 'open",
    "scp -t x!!",
    "rsync --server . x",
  ]) {
    test(`isLegacyScp() refuses ${JSON.stringify(command)}`, () => {
      assert.equal(isLegacyScp(command), false);
    });
  }

  test("isLegacyScp() takes nothing that a shell reads as more than one simple command", () => {
    const parts = [
      "x",
      " ",
      "'",
      "\\",
      ";",
      "$",
      "`",
      "|",
      "&",
      ">",
      "(",
      "\n",
      "*",
      "-",
      '"',
      "~",
      "#",
      "{",
      "!",
    ];
    const path = fc
      .array(fc.constantFrom(...parts), { minLength: 1, maxLength: 8 })
      .map((some) => some.join(""));
    const accepted = new Set(
      fc.sample(path, 100_000).filter((one) => !one.startsWith("-- ") && isLegacyScp(`scp -t ${one}`)),
    );
    assert.ok(accepted.size > 100, `${accepted.size} accepted`);
    // The real shell, with a function in scp's place that counts what it was given; globbing off, as no file is meant.
    const calls = [...accepted].map((one) => `scp -t ${one}\necho "= $?"`);
    const script = ["set -f", 'scp() { echo "$# $1"; }', ...calls].join("\n");
    const output = execFileSync("/bin/sh", { input: script, encoding: "utf8", cwd: "/", maxBuffer: 1 << 26 });
    assert.deepEqual([...new Set(output.trim().split("\n"))], ["2 -t", "= 0"]);
  });
});
