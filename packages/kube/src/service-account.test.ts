import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ManualClock } from "@teleport-access/daemon";
import { serviceAccountConnection, serviceAccountNamespace } from "./service-account.ts";

describe("serviceAccountConnection", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "service-account-"));
    writeFileSync(join(folder, "token"), "one\n");
    writeFileSync(join(folder, "ca.crt"), "CA\n");
    writeFileSync(join(folder, "namespace"), "acme");
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  test("serviceAccountConnection reads the pod's files", () => {
    const connection = serviceAccountConnection({
      host: "10.0.0.1",
      port: "443",
      folder,
      clock: new ManualClock(),
    });
    assert.equal(connection.server, "https://10.0.0.1:443");
    assert.equal(connection.token?.(), "one");
    assert.equal(connection.ca?.(), "CA");
    assert.equal(serviceAccountNamespace(folder), "acme");
  });

  test("serviceAccountConnection puts an IPv6 address in brackets", () => {
    const connection = serviceAccountConnection({
      host: "fd00::1",
      port: "443",
      folder,
      clock: new ManualClock(),
    });
    assert.equal(connection.server, "https://[fd00::1]:443");
  });

  test("serviceAccountConnection reads the token again after a minute, and keeps it when it cannot", () => {
    const clock = new ManualClock();
    const connection = serviceAccountConnection({ host: "h", port: "443", folder, clock });
    writeFileSync(join(folder, "token"), "two");
    assert.equal(connection.token?.(), "one");
    clock.advance(60_000);
    assert.equal(connection.token(), "two");
    rmSync(join(folder, "token"));
    clock.advance(60_000);
    assert.equal(connection.token(), "two");
    writeFileSync(join(folder, "token"), "one");
  });

  test("serviceAccountConnection says that this is no pod, or one without a token", () => {
    const clock = new ManualClock();
    assert.throws(
      () => serviceAccountConnection({ host: undefined, port: undefined, folder, clock }),
      /KUBERNETES_SERVICE_HOST is not set/,
    );
    assert.throws(
      () => serviceAccountConnection({ host: "h", port: "443", folder: join(folder, "none"), clock }),
      /automountServiceAccountToken/,
    );
  });
});
