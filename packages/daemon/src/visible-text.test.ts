import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { visibleText } from "./visible-text.ts";

describe("visibleText()", () => {
  const ROWS: readonly (readonly [string, string])[] = [
    ["alice", "alice"],
    ["Zoë 漢字", "Zoë 漢字"],
    ["a\u001b[31mb", "a\\u{1b}[31mb"],
    ["a\r\nb", "a\\u{d}\\u{a}b"],
    ["a\u2028b\u2029c", "a\\u{2028}b\\u{2029}c"],
    ["\u202eecila", "\\u{202e}ecila"],
    ["a\u200bb\ufeffc", "a\\u{200b}b\\u{feff}c"],
    ["\u009b31m", "\\u{9b}31m"],
    ["\ud800", "\\u{d800}"],
    ["\u{e0041}", "\\u{e0041}"],
  ];
  for (const [text, want] of ROWS) {
    test(`visibleText() writes ${JSON.stringify(text)} as ${want}`, () => {
      assert.equal(visibleText(text, 100), want);
    });
  }

  test("visibleText() cuts what is too long, and says so", () => {
    assert.equal(visibleText("abcdef", 3), "abc…");
    assert.equal(visibleText("abc", 3), "abc");
    assert.equal(visibleText("\u0000\u0000", 4), "\\u{0…");
  });

  test("visibleText() leaves nothing unseen and nothing unbounded, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), fc.nat(200), (text, max) => {
        const visible = visibleText(text, max);
        assert.doesNotMatch(visible, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        assert.ok(visible.length <= max + 1);
      }),
      { numRuns: 1000 },
    );
  });
});
