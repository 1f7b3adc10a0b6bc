import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { KubeError } from "./errors.ts";
import { LineSplitter, parseWatchLine } from "./watch-stream.ts";

describe("LineSplitter", () => {
  test("LineSplitter gives the same lines however the bytes are cut", () => {
    const text = fc.array(
      fc.string({ unit: "grapheme" }).filter((line) => !/[\n\r]/.test(line) && line.trim() !== ""),
    );
    fc.assert(
      fc.property(text, fc.array(fc.nat({ max: 40 })), (lines, cuts) => {
        const splitter = new LineSplitter();
        let rest = Buffer.from(lines.map((line) => `${line}\n`).join(""));
        const seen: string[] = [];
        for (const cut of [...cuts, rest.length]) {
          seen.push(...splitter.push(rest.subarray(0, cut)));
          rest = rest.subarray(cut);
        }
        assert.deepEqual(seen, lines);
      }),
    );
  });

  test("LineSplitter passes over empty lines", () => {
    assert.deepEqual([...new LineSplitter().push(Buffer.from("\n\r\na\n\n"))], ["a"]);
  });

  test("LineSplitter refuses a line without end", () => {
    const splitter = new LineSplitter();
    const megabyte = Buffer.alloc(1024 * 1024, "a");
    assert.throws(() => {
      for (let i = 0; i < 9; i++) Array.from(splitter.push(megabyte));
    }, KubeError);
  });
});

const BAD = [
  { name: "no JSON", line: "{", code: "KUBE_PROTOCOL" },
  { name: "null", line: "null", code: "KUBE_PROTOCOL" },
  { name: "a number", line: "1", code: "KUBE_PROTOCOL" },
  { name: "no object", line: '{"type":"ADDED"}', code: "KUBE_PROTOCOL" },
  { name: "no metadata", line: '{"type":"ADDED","object":{}}', code: "KUBE_PROTOCOL" },
  { name: "no version", line: '{"type":"ADDED","object":{"metadata":{"name":"a"}}}', code: "KUBE_PROTOCOL" },
  {
    name: "no name",
    line: '{"type":"DELETED","object":{"metadata":{"resourceVersion":"1"}}}',
    code: "KUBE_PROTOCOL",
  },
  {
    name: "an unknown type",
    line: '{"type":"X","object":{"metadata":{"name":"a","resourceVersion":"1"}}}',
    code: "KUBE_PROTOCOL",
  },
  { name: "ERROR 410", line: '{"type":"ERROR","object":{"code":410}}', code: "KUBE_EXPIRED" },
  { name: "ERROR without a code", line: '{"type":"ERROR","object":{}}', code: "KUBE_SERVER_ERROR" },
] as const;

describe("parseWatchLine", () => {
  for (const { name, line, code } of BAD) {
    test(`parseWatchLine throws ${code} at ${name}`, () => {
      assert.throws(
        () => parseWatchLine(line, "watch x"),
        (error) => error instanceof KubeError && error.code === code,
      );
    });
  }

  test("parseWatchLine reads an event and a bookmark", () => {
    const object = { metadata: { name: "a", resourceVersion: "1" } };
    assert.deepEqual(parseWatchLine(JSON.stringify({ type: "ADDED", object }), "x"), {
      type: "ADDED",
      object,
    });
    const bookmark = '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"12"}}}';
    assert.deepEqual(parseWatchLine(bookmark, "x"), { type: "BOOKMARK", resourceVersion: "12" });
  });

  test("parseWatchLine throws nothing but KubeErrors, whatever comes", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        try {
          parseWatchLine(line, "watch x");
        } catch (error) {
          assert.ok(error instanceof KubeError);
        }
      }),
    );
  });
});
