/**
 * The watch when it must list again, when nothing is heard, and when servers come
 * and go: what was taken away meanwhile must be taken away here.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "@teleport-access/daemon";
import { grant, names, opened, settled, start } from "./watch-fixture.test.ts";

const PATH = "/useraccesses";

describe("watchResource, listing again,", { timeout: 10_000 }, () => {
  test("watchResource lists at once after an ERROR event with code 410", async () => {
    const clock = new ManualClock();
    await using fixture = await start({ clock, prepare: (server) => server.set(grant("a")) });
    const stream = await opened(fixture);
    stream.error(410, "Expired");
    // The clock stands still: nothing waited for a timer.
    await fixture.until(() => fixture.proofs.length >= 4);
    assert.equal(fixture.server.streams().length, 1);
  });

  test("watchResource delivers deletions before additions, in one batch, after it listed again", async () => {
    await using fixture = await start({
      prepare: (server) => {
        server.set(grant("a"));
        server.set(grant("m"));
      },
    });
    const stream = await opened(fixture);
    stream.mute();
    fixture.server.set(grant("0-new"));
    fixture.server.remove(grant("a"));
    fixture.server.set(grant("m", "root"));
    stream.error(410, "Expired");
    stream.send('{"type":"ERROR","object":{"code":410,"reason":"Expired"}}\n');
    await fixture.until(() => fixture.batches.length === 2);
    assert.deepEqual(fixture.batches[1], ["deleted a", "added 0-new", "updated m"]);
  });

  test("watchResource reports an object that was deleted and made again in a gap as two changes", async () => {
    await using fixture = await start({ prepare: (server) => server.set(grant("a")) });
    const stream = await opened(fixture);
    const before = fixture.watch.store.get("acme/a")?.metadata.uid;
    stream.mute();
    fixture.server.remove(grant("a"));
    fixture.server.set(grant("a"));
    fixture.server.objects.compact();
    stream.reset();
    await fixture.until(() => fixture.batches.length === 2);
    assert.deepEqual(fixture.batches[1], ["deleted a", "added a"]);
    assert.notEqual(fixture.watch.store.get("acme/a")?.metadata.uid, before);
  });

  test("watchResource reports a new uid in a modification as two changes", async () => {
    await using fixture = await start({ prepare: (server) => server.set(grant("a")) });
    const stream = await opened(fixture);
    const metadata = { name: "a", namespace: "acme", uid: "another", resourceVersion: "5000" };
    stream.send(`${JSON.stringify({ type: "MODIFIED", object: { ...grant("a"), metadata } })}\n`);
    await fixture.until(() => fixture.batches.length === 2);
    assert.deepEqual(fixture.batches[1], ["deleted a", "added a"]);
  });

  test("watchResource lists again when the new watch is answered with 410", async () => {
    await using fixture = await start({ prepare: (server) => server.set(grant("a")) });
    const stream = await opened(fixture);
    stream.mute();
    fixture.server.remove(grant("a"));
    fixture.server.objects.compact();
    stream.end();
    await fixture.until(() => fixture.watch.store.size === 0);
    assert.deepEqual(fixture.batches, [["added a"], ["deleted a"]]);
  });

  test("watchResource lists again when the server has not reached the version yet", async () => {
    await using fixture = await start();
    const stream = await opened(fixture);
    const message = "Too large resource version: 9, current: 5";
    fixture.server.fail({ kind: "status", status: 504, reason: "Timeout", message }, { watch: true });
    stream.end();
    await fixture.until(() => fixture.proofs.length >= 4);
    assert.equal(fixture.server.requests.filter((request) => !request.query.has("watch")).length, 2);
  });

  test("watchResource does not report what is the same after a new list", async () => {
    await using fixture = await start({ prepare: (server) => server.set(grant("a")) });
    const stream = await opened(fixture);
    stream.error(410, "Expired");
    await fixture.until(() => fixture.proofs.length >= 4);
    assert.deepEqual(fixture.batches, [["added a"]]);
  });

  test("watchResource lists at once after the first 410 of a series, and backs off after the second", async () => {
    const clock = new ManualClock();
    await using fixture = await start({ clock });
    const stream = await opened(fixture);
    fixture.server.fail({ kind: "status", status: 410, reason: "Expired" }, { watch: true }, 2);
    stream.end();
    await settled(() => clock.timers === 1 && fixture.server.streams().length === 0);
    assert.equal(fixture.server.requests.filter((request) => !request.query.has("watch")).length, 2);
    const reopened = fixture.server.nextStream();
    clock.advance(4);
    await reopened;
  });

  for (const status of [429, 500, 403] as const) {
    test(`watchResource tries again when the first list is answered with ${status}`, async () => {
      await using fixture = await start({
        prepare: (server) => {
          server.set(grant("a"));
          server.fail({ kind: "status", status }, { path: PATH }, 2);
        },
      });
      await opened(fixture);
      assert.deepEqual(names(fixture.watch), ["acme/a"]);
    });
  }

  test("watchResource waits as long as a 429 asks before it opens the watch", async () => {
    const clock = new ManualClock();
    await using fixture = await start({
      clock,
      prepare: (server) => {
        server.fail({ kind: "status", status: 429, retryAfterSeconds: 1 }, { watch: true });
      },
    });
    await fixture.server.nextRequest({ watch: true });
    await settled(() => clock.timers === 1);
    assert.equal(clock.nextTimerAt, clock.now() + 1000);
    const stream = fixture.server.nextStream();
    clock.advance(1000);
    await stream;
  });
});

describe("watchResource, freshness,", { timeout: 10_000 }, () => {
  test("watchResource proves itself by the list, the accepted watch, events and bookmarks", async () => {
    await using fixture = await start();
    const stream = await opened(fixture);
    assert.equal(fixture.proofs.length, 2);
    fixture.server.set(grant("a"));
    await fixture.until(() => fixture.proofs.length === 3);
    stream.bookmark(9999);
    await fixture.until(() => fixture.proofs.length === 4);
    assert.equal(fixture.watch.lastProof, fixture.proofs.at(-1));
  });

  test("watchResource opens the watch again from its last version after half of maxStalenessMs without a word", async () => {
    const clock = new ManualClock();
    await using fixture = await start({ clock, watch: { maxStalenessMs: 60_000 } });
    const first = await opened(fixture);
    first.bookmark(1234);
    await fixture.until(() => fixture.proofs.length === 3);
    first.mute();
    fixture.server.set(grant("missed"));
    const reopened = fixture.server.nextStream();
    clock.advance(30_000);
    assert.equal((await reopened).query.get("resourceVersion"), "1234");
    await fixture.until(() => fixture.proofs.length === 4);
    assert.equal(fixture.watch.lastProof, clock.now());
  });

  test("watchResource finds what a silent connection kept back", async () => {
    const clock = new ManualClock();
    await using fixture = await start({
      clock,
      watch: { maxStalenessMs: 60_000 },
      prepare: (server) => server.set(grant("a")),
    });
    const stream = await opened(fixture);
    stream.mute();
    fixture.server.remove(grant("a"));
    clock.advance(30_000);
    await fixture.until(() => fixture.watch.store.size === 0);
  });

  test("watchResource counts the time of asking, not of the answer, as proof", async () => {
    const clock = new ManualClock();
    const askedAt = clock.now();
    await using fixture = await start({
      clock,
      prepare: (server) => {
        void server.nextRequest().then(() => {
          clock.advance(5_000);
        });
      },
    });
    await fixture.until(() => fixture.proofs.length >= 1);
    assert.equal(fixture.proofs[0], askedAt);
  });

  test("watchResource gives no proof while the server refuses or hangs", async () => {
    const clock = new ManualClock();
    await using fixture = await start({ clock, watch: { maxStalenessMs: 200 } });
    await opened(fixture);
    const proofs = fixture.proofs.length;
    fixture.server.fail({ kind: "hang" }, { watch: true });
    fixture.server.fail({ kind: "status", status: 503 }, { watch: true });
    const hung = fixture.server.nextRequest({ watch: true });
    clock.advance(100);
    await hung;
    assert.equal(fixture.proofs.length, proofs);
    // The hung request is given up by real time, after half of maxStalenessMs; then comes the back-off.
    await settled(() => clock.timers === 1);
    const refused = fixture.server.nextRequest({ watch: true });
    clock.advance(1_000);
    await refused;
    assert.equal(fixture.proofs.length, proofs);
  });

  test("watchResource opens again a watch that outlives the server's own limit", async () => {
    const clock = new ManualClock();
    await using fixture = await start({ clock, watch: { random: () => 0 } });
    const stream = await opened(fixture);
    stream.mute();
    const reopened = fixture.server.nextStream();
    clock.advance(290_000 + 15_000);
    await reopened;
  });

  test("watchResource does not spin when the server ends each stream at once", async () => {
    const clock = new ManualClock();
    await using fixture = await start({ clock });
    (await opened(fixture)).end();
    (await fixture.server.nextStream()).end();
    await settled(() => clock.timers === 1 && fixture.server.streams().length === 0);
    assert.ok((clock.nextTimerAt ?? Infinity) - clock.now() <= 4, "a back-off timer is set");
  });
});

describe("watchResource, whatever happens,", { timeout: 10_000 }, () => {
  test("watchResource survives a server that is gone and comes back with other objects", async () => {
    await using fixture = await start({ prepare: (server) => server.set(grant("a")) });
    await opened(fixture);
    const { port } = fixture.server;
    await fixture.server.close();
    fixture.server.remove(grant("a"));
    fixture.server.set(grant("b"));
    await fixture.server.listen(port);
    await fixture.until(() => names(fixture.watch).join() === "acme/b");
    assert.deepEqual(fixture.batches.flat(), ["added a", "deleted a", "added b"]);
  });

  test("watchResource goes on when a handler throws", async () => {
    let thrown = 0;
    await using fixture = await start({
      onChange: () => {
        thrown++;
        throw new Error("handler broke");
      },
    });
    await opened(fixture);
    fixture.server.set(grant("a"));
    await fixture.until(() => thrown === 1);
    fixture.server.set(grant("b"));
    await fixture.until(() => thrown === 2);
    assert.deepEqual(names(fixture.watch), ["acme/a", "acme/b"]);
    assert.match(fixture.log.join(""), /handler broke.*watch handler failed/);
    assert.equal(fixture.server.requests.length, 2);
  });

  test("watchResource has the store up to date when it calls the handler", async () => {
    const sizes: number[] = [];
    await using fixture = await start({
      prepare: (server) => server.set(grant("a")),
      onChange: () => {
        queueMicrotask(() => sizes.push(fixture.watch.store.size));
      },
    });
    await opened(fixture);
    fixture.server.remove(grant("a"));
    await fixture.until(() => sizes.length === 2);
    assert.deepEqual(sizes, [1, 0]);
  });

  test("watchResource delivers nothing after close, and close is no error", async () => {
    await using fixture = await start();
    await opened(fixture);
    fixture.watch.close();
    fixture.server.set(grant("a"));
    await settled(() => fixture.server.streams().length === 0);
    assert.deepEqual(fixture.batches, []);
    assert.deepEqual(fixture.log, []);
  });

  test("watchResource logs each kind of failure once in a series", async () => {
    await using fixture = await start({
      prepare: (server) => {
        server.fail({ kind: "status", status: 500 }, { path: PATH }, 5);
      },
    });
    await opened(fixture);
    assert.equal(fixture.log.filter((line) => line.includes('"level":"warn"')).length, 1);
  });
});
