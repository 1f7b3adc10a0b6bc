import assert from "node:assert/strict";
import { test } from "node:test";

import { createLogger, errorFields } from "./log.ts";
import type { LogLevel, Logger } from "./log.ts";

function capture(level?: LogLevel): { log: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const destination = {
    write(line: string) {
      lines.push(JSON.parse(line) as Record<string, unknown>);
    },
  };
  return {
    log: createLogger({ program: "proxy", destination, ...(level === undefined ? {} : { level }) }),
    lines,
  };
}

test("createLogger writes one JSON object a line with time, level, program and message", () => {
  const { log, lines } = capture();
  log.info("tunnel opened", { cluster: "prod" });
  const [line] = lines;
  assert.match(String(line?.["time"]), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(
    { ...line, time: 0 },
    { level: "info", time: 0, program: "proxy", cluster: "prod", msg: "tunnel opened" },
  );
});

test("createLogger leaves out what is below its level", () => {
  const { log, lines } = capture("warn");
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  assert.deepEqual(
    lines.map((line) => line["msg"]),
    ["c", "d"],
  );
});

test("Logger child adds its fields to each line", () => {
  const { log, lines } = capture();
  log.child({ cluster: "prod" }).child({ proxy: "main" }).warn("x", { n: 1 });
  assert.deepEqual([lines[0]?.["cluster"], lines[0]?.["proxy"], lines[0]?.["n"]], ["prod", "main", 1]);
});

test("Logger hides secrets in fields, children and messages", () => {
  const { log, lines } = capture();
  log.child({ sessionKey: "hunter2" }).info("got tah_hunter2hunter2hunter2", { password: "hunter2" });
  assert.doesNotMatch(JSON.stringify(lines), /hunter2/);
});

test("Logger keeps a message with newlines on one line", () => {
  const written: string[] = [];
  const log = createLogger({ program: "proxy", destination: { write: (line) => void written.push(line) } });
  log.warn('a\n{"msg":"forged"}');
  assert.equal(written.join("").split("\n").length, 2);
});

test("errorFields gives message, code and causes, never a stack", () => {
  const error = Object.assign(new Error("cannot dial", { cause: new Error("refused", { cause: "why" }) }), {
    code: "E1",
  });
  assert.deepEqual(errorFields(error), { error: "cannot dial", code: "E1", cause: "refused: why" });
  assert.deepEqual(errorFields("text"), { error: "text" });
});

test("errorFields names the errors inside an AggregateError without a message", () => {
  assert.equal(errorFields(new AggregateError([new Error("a"), new Error("b")])).error, "a; b");
});
