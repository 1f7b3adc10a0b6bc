import assert from "node:assert/strict";
import { test } from "node:test";
import { createFixture, grantObject, NOW } from "../world-fixture.test.ts";
import { menuText } from "./menu.ts";

test("menuText() lists commands that can be typed, and patterns where no host is known", () => {
  const { store, put } = createFixture();
  put("useraccesses", grantObject("db", { logins: ["root", "dba"], targets: [{ host: "db-*" }] }));
  const text = menuText("alice", store.world(NOW), () => [{ host: "web-1" }]);
  assert.equal(
    text,
    [
      "",
      "Signed in as alice.",
      "You may reach:",
      "",
      "  any target like db-*.prod as dba, root",
      "  ssh deploy@web-1.prod",
      "",
      "",
    ].join("\n"),
  );
});

test("menuText() says so when there is nothing", () => {
  const { store } = createFixture();
  assert.match(
    menuText("bob", store.world(NOW), () => []),
    /nothing you may reach/,
  );
});
