import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { certificateOf } from "../../world-fixture.test.ts";
import { isAcceptedVariable } from "./environment.ts";
import { needsOf, startAllowedBy } from "./needs.ts";

describe("needsOf()", () => {
  for (const [start, want] of [
    [{ kind: "shell" }, ["Shell"]],
    [{ kind: "exec", command: "uptime" }, ["Exec"]],
    [{ kind: "exec", command: "" }, ["Exec"]],
    [{ kind: "exec", command: "scp -t /tmp" }, ["FileTransfer"]],
    [{ kind: "exec", command: "scp -t /tmp; id" }, ["Exec", "FileTransfer"]],
    [{ kind: "exec", command: "rsync --server . x" }, ["Exec", "FileTransfer"]],
    [{ kind: "subsystem", name: "sftp" }, ["FileTransfer"]],
    [{ kind: "subsystem", name: "netconf" }, ["Exec"]],
  ] as const) {
    test(`needsOf() takes ${want.join(" and ")} for ${JSON.stringify(start)}`, () => {
      const { permission, alsoPermission } = needsOf(start);
      assert.deepEqual([permission, ...(alsoPermission === undefined ? [] : [alsoPermission])], want);
    });
  }
});

describe("startAllowedBy()", () => {
  test("startAllowedBy() leaves what was asked for as it is", () => {
    const start = { kind: "exec", command: "id" } as const;
    assert.equal(startAllowedBy(certificateOf(), start), start);
  });
  for (const start of [
    { kind: "shell" },
    { kind: "exec", command: "id" },
    { kind: "subsystem", name: "sftp" },
  ] as const) {
    test(`startAllowedBy() puts a forced command in the place of ${start.kind}`, () => {
      const forced = certificateOf({ criticalOptions: { "force-command": "uptime" } });
      assert.deepEqual(startAllowedBy(forced, start), { kind: "exec", command: "uptime" });
    });
  }
});

describe("isAcceptedVariable()", () => {
  test("isAcceptedVariable() lets the locale through and nothing that loads code", () => {
    assert.ok(["LANG", "LC_ALL", "LC_CTYPE", "COLORTERM", "NO_COLOR"].every(isAcceptedVariable));
    const refused = ["LD_PRELOAD", "PATH", "BASH_ENV", "LC_", "LANG\n", "LC_A=B", "lc_all", "XLANG", ""];
    assert.deepEqual(refused.filter(isAcceptedVariable), []);
  });
});
