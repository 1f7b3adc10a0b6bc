/**
 * The watch while all is well, and against every way in which its stream can
 * break. What needs a new list, and freshness: watch-recovery.test.ts.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FakeApiServer, FakeStream } from "@teleport-access/testkit";
import { grant, names, opened, start } from "./watch-fixture.test.ts";

describe("watchResource", { timeout: 10_000 }, () => {
  test("watchResource delivers the first list as one batch and then is synced", async () => {
    await using fixture = await start({
      prepare: (server) => {
        server.set(grant("a"));
        server.set(grant("b"));
      },
    });
    await opened(fixture);
    assert.deepEqual(fixture.batches, [["added a", "added b"]]);
    assert.deepEqual(names(fixture.watch), ["acme/a", "acme/b"]);
  });

  test("watchResource reads a list of 1203 objects in pages of 500", async () => {
    await using fixture = await start({
      prepare: (server) => {
        for (let i = 0; i < 1203; i++) server.set(grant(`g-${i}`));
      },
    });
    await opened(fixture);
    assert.equal(fixture.watch.store.size, 1203);
    assert.equal(fixture.server.requests.filter((r) => r.query.get("limit") === "500").length, 3);
  });

  test("watchResource follows additions, changes and deletions", async () => {
    await using fixture = await start();
    await opened(fixture);
    fixture.server.set(grant("a"));
    fixture.server.set(grant("a", "root"));
    fixture.server.remove(grant("a"));
    await fixture.until(() => fixture.batches.flat().length === 3);
    assert.deepEqual(fixture.batches.flat(), ["added a", "updated a", "deleted a"]);
    assert.equal(fixture.watch.store.size, 0);
  });

  test("watchResource gives an update its previous state", async () => {
    const seen: (readonly string[] | undefined)[] = [];
    await using fixture = await start({
      prepare: (server) => server.set(grant("a")),
      onChange: (changes) => {
        for (const change of changes) seen.push(change.previous?.spec.logins);
      },
    });
    await opened(fixture);
    fixture.server.set(grant("a", "root"));
    await fixture.until(() => seen.length === 2);
    assert.deepEqual(seen, [undefined, ["deploy"]]);
  });

  test("watchResource delivers the lines of one chunk as one batch", async () => {
    await using fixture = await start();
    const stream = await opened(fixture);
    const lines = ["a", "b"].map((name) => `${JSON.stringify({ type: "ADDED", object: grant(name) })}\n`);
    stream.send(lines.join(""));
    await fixture.until(() => fixture.batches.length > 0);
    assert.deepEqual(fixture.batches, [["added a", "added b"]]);
  });

  test("watchResource asks for bookmarks, a bounded time and the version of the list", async () => {
    await using fixture = await start({ prepare: (server) => server.set(grant("a")) });
    const { query } = await opened(fixture);
    assert.equal(query.get("allowWatchBookmarks"), "true");
    assert.equal(query.get("resourceVersion"), String(fixture.server.objects.version));
    const seconds = Number(query.get("timeoutSeconds"));
    assert.ok(seconds >= 290 && seconds <= 580, String(seconds));
  });

  test("watchResource passes selectors to list and watch", async () => {
    await using fixture = await start({
      watch: { labelSelector: "team=a", fieldSelector: "metadata.name=a" },
    });
    await opened(fixture);
    for (const { query } of fixture.server.requests) {
      assert.equal(query.get("labelSelector"), "team=a");
      assert.equal(query.get("fieldSelector"), "metadata.name=a");
    }
  });

  test("watchResource keeps no managedFields", async () => {
    await using fixture = await start({
      prepare: (server) => {
        const object = grant("a");
        server.set({
          ...object,
          metadata: { ...object.metadata, managedFields: [{ manager: "kubectl" }] },
        } as never);
      },
    });
    await opened(fixture);
    assert.equal(fixture.watch.store.get("acme/a")?.metadata.managedFields, undefined);
  });
});

/** Each of these is followed by a change, which must arrive without a second list. */
const INTERRUPTIONS: readonly {
  readonly name: string;
  readonly interrupt: (stream: FakeStream, server: FakeApiServer) => void;
}[] = [
  {
    name: "the server ends the stream",
    interrupt: (stream) => {
      stream.end();
    },
  },
  {
    name: "the connection is reset",
    interrupt: (stream) => {
      stream.reset();
    },
  },
  {
    name: "an ERROR event with code 500 arrives",
    interrupt: (stream) => {
      stream.error(500, "InternalError");
    },
  },
  {
    name: "a line is not JSON",
    interrupt: (stream) => {
      stream.send("{oops\n");
    },
  },
  {
    name: "an event has no object",
    interrupt: (stream) => {
      stream.send('{"type":"ADDED"}\n');
    },
  },
  {
    name: "an event is of an unknown type",
    interrupt: (stream) => {
      stream.send('{"type":"MOVED","object":{"metadata":{"name":"a","resourceVersion":"1"}}}\n');
    },
  },
  {
    name: "the new watch is refused with 500 five times",
    interrupt: (stream, server) => {
      server.fail({ kind: "status", status: 500, reason: "InternalError" }, { watch: true }, 5);
      stream.reset();
    },
  },
  {
    name: "the new watch is reset three times",
    interrupt: (stream, server) => {
      server.fail({ kind: "reset" }, { watch: true }, 3);
      stream.end();
    },
  },
  {
    name: "the new watch is not allowed for a while (401, 403)",
    interrupt: (stream, server) => {
      server.fail({ kind: "status", status: 401, reason: "Unauthorized" }, { watch: true });
      server.fail({ kind: "status", status: 403, reason: "Forbidden" }, { watch: true });
      stream.end();
    },
  },
];

describe("watchResource, interrupted,", { timeout: 10_000 }, () => {
  for (const { name, interrupt } of INTERRUPTIONS) {
    test(`watchResource goes on from the last version when ${name}`, async () => {
      await using fixture = await start({ prepare: (server) => server.set(grant("a")) });
      const stream = await opened(fixture);
      interrupt(stream, fixture.server);
      fixture.server.remove(grant("a"));
      await fixture.until(() => fixture.watch.store.size === 0);
      assert.deepEqual(fixture.batches, [["added a"], ["deleted a"]]);
      const lists = fixture.server.requests.filter((request) => !request.query.has("watch"));
      assert.equal(lists.length, 1, "one list");
    });
  }

  test("watchResource counts the lines before a bad one", async () => {
    await using fixture = await start({ prepare: (server) => server.set(grant("a")) });
    const stream = await opened(fixture);
    stream.mute();
    fixture.server.remove(grant("a"));
    const [deleted] = fixture.server.objects.since("teleport-access.io/useraccesses", 0).slice(-1);
    assert.ok(deleted);
    const reopened = fixture.server.nextStream();
    // Written past the mute: what a chunk holds when the connection breaks within a line.
    stream.send(`${JSON.stringify({ type: "DELETED", object: deleted.object })}\n{"type":\n`);
    await fixture.until(() => fixture.watch.store.size === 0);
    const { query } = await reopened;
    assert.equal(query.get("resourceVersion"), deleted.object.metadata.resourceVersion);
  });
});
