import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { certificateOf, createFixture, grantObject, HOUR, NOW, trustObject } from "../world-fixture.test.ts";
import type { Fixture } from "../world-fixture.test.ts";
import { answerMenu } from "./menu.ts";
import type { MenuFacts, TargetsDocument } from "./menu.ts";

function factsOf({ store }: Fixture, over: Partial<MenuFacts> = {}): MenuFacts {
  return {
    user: "alice",
    certificate: certificateOf({ to: NOW + HOUR }),
    source: "192.0.2.1",
    world: store.world(NOW),
    announcedTargets: () => [{ host: "web-1" }],
    connected: (cluster) => cluster === "prod",
    ...over,
  };
}

/** alice's deploy on prod, a pattern that ends, and a target behind a code in a suspended cluster. */
function createEstate(): Fixture {
  const fixture = createFixture();
  const ends = { expirationTime: "2026-01-31T12:00:00Z" };
  const db = {
    logins: ["root", "dba"],
    targets: [{ host: "db-*", ports: [22, 2222] }],
    permissions: ["Shell"],
  };
  fixture.put("useraccesses", grantObject("db", { ...db, ...ends }));
  fixture.put("trustedhostcas", trustObject("old", { suspend: true }), trustObject("lab"));
  fixture.put("useraccesses", grantObject("old", { clusters: ["old", "lab"], secondFactor: "PerSession" }));
  return fixture;
}

function jsonOf(facts: MenuFacts): TargetsDocument {
  return JSON.parse(answerMenu("targets --json", facts).stdout ?? "") as TargetsDocument;
}

describe("answerMenu()", () => {
  test("answerMenu() prints a table of what may be used, and how to connect to the first of it", () => {
    const reply = answerMenu("", factsOf(createEstate()));
    assert.equal(
      reply.stdout,
      [
        "Signed in as alice; the certificate ends 2026-01-31T09:00:00.000Z.",
        "",
        "TARGET      LOGINS    PORTS    PERMISSIONS                              CODE          EXPIRES                   CLUSTER",
        "web-1.lab   deploy    any      Shell,Exec,FileTransfer,AgentForwarding  each session  never                     trusted, no agent connected",
        "web-1.old   deploy    any      Shell,Exec,FileTransfer,AgentForwarding  each session  never                     suspended",
        "db-*.prod   dba,root  22,2222  Shell                                    no            2026-01-31T12:00:00.000Z  trusted, connected",
        "web-1.prod  deploy    any      Shell,Exec,FileTransfer,AgentForwarding  no            never                     trusted, connected",
        "",
        "To connect: ssh -J <this proxy> deploy@web-1.lab",
        "",
      ].join("\n"),
    );
    assert.equal(reply.status, 0);
    assert.deepEqual(answerMenu(" targets ", factsOf(createEstate())), reply);
  });

  test("answerMenu() gives programs the same as JSON of version 1", () => {
    const document = jsonOf(factsOf(createEstate()));
    assert.deepEqual(
      [document.version, document.user, document.certificate],
      [1, "alice", { expires: "2026-01-31T09:00:00.000Z" }],
    );
    assert.deepEqual(
      document.targets.find(({ cluster }) => cluster === "old"),
      {
        ...{ name: "web-1.old", host: "web-1", cluster: "old", exact: true, logins: ["deploy"], ports: null },
        permissions: ["Shell", "Exec", "FileTransfer", "AgentForwarding"],
        ...{ expires: null, secondFactor: "PerSession", state: "suspended", connected: false },
      },
    );
    const pattern = document.targets.find(({ exact }) => !exact);
    assert.deepEqual([pattern?.name, pattern?.ports], ["db-*.prod", [22, 2222]]);
  });

  test("answerMenu() says so when there is nothing", () => {
    const facts = factsOf(createFixture(), { user: "bob" });
    assert.match(answerMenu("", facts).stdout ?? "", /nothing you may reach now/);
    assert.deepEqual(jsonOf(facts).targets, []);
  });

  test("answerMenu() lists nothing that may not be used from where the person is", () => {
    const fixture = createFixture();
    fixture.put("useraccesses", grantObject("alice-prod", { sourceRanges: ["10.0.0.0/8"] }));
    assert.deepEqual(jsonOf(factsOf(fixture)).targets, []);
    assert.equal(jsonOf(factsOf(fixture, { source: "::ffff:10.0.0.7" })).targets.length, 1);
  });

  for (const command of ["help", "targets --yaml", "uname -a", "--help"]) {
    test(`answerMenu() answers ${JSON.stringify(command)} with one sentence and the status of wrong usage`, () => {
      const { stdout, stderr, status } = answerMenu(command, factsOf(createFixture()));
      assert.deepEqual([stdout, status], [undefined, 2]);
      assert.match(stderr ?? "", /^(usage|unknown command "uname"): this proxy answers `targets`[^\n]*\n$/);
    });
  }

  test("answerMenu() prints no control character and no long text, whatever is typed or named", () => {
    const fixture = createFixture();
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 3000 }), (text) => {
        const facts = factsOf(fixture, {
          user: "alice",
          announcedTargets: () => [{ host: text }],
        });
        for (const command of [text, "", "targets --json"]) {
          const { stdout = "", stderr = "" } = answerMenu(command, facts);
          assert.doesNotMatch(`${stdout}${stderr}`.replaceAll("\n", ""), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
          assert.ok(stderr.length < 1000);
        }
      }),
    );
  });
});
