import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { TUNNEL_LIMITS, USER_LIMITS } from "./limits.ts";

describe("limits", () => {
  it("USER_LIMITS are those of the design", () => {
    assert.deepEqual(
      [
        USER_LIMITS.loginGraceMs,
        USER_LIMITS.tries,
        USER_LIMITS.unauthenticatedPerAddress,
        USER_LIMITS.unauthenticated,
      ],
      [30_000, 6, 10, 500],
    );
    assert.deepEqual([USER_LIMITS.channelsPerConnection, TUNNEL_LIMITS.channelsPerConnection], [256, 4096]);
  });
});
