import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { secretData, secretText, type Secret } from "../objects.ts";
import { makeWebTls, type WebTlsOrder } from "./make-web-tls.ts";
import { inspectWebTls, isWebTlsDue, webTlsNames } from "./web-tls.ts";

const NOW = new Date("2026-11-01T00:00:00Z");
const DAY = 86_400_000;
const order: WebTlsOrder = {
  make: "web-tls",
  owner: { kind: "TeleportProxy", name: "main", namespace: "acme", uid: "u1" },
  secretName: "main-tls",
  authoritySecretName: "main-tls-ca",
  names: webTlsNames("https://10.1.2.3:30443", "main", "acme"),
};

function later(days: number): Date {
  return new Date(NOW.getTime() + days * DAY);
}

test("webTlsNames lists the public host without its port, then the names of the Service", () => {
  assert.deepEqual(webTlsNames("https://Proxy.Example.com:8443", "main", "acme"), [
    "proxy.example.com",
    "main",
    "main.acme",
    "main.acme.svc",
    "localhost",
  ]);
  assert.equal(webTlsNames("https://[2001:DB8::1]", "main", "acme")[0], "2001:db8::1");
});

test("makeWebTls makes a pair that inspectWebTls finds good and that is due after two thirds of a year", () => {
  const { leaf, authority } = makeWebTls(order, undefined, NOW);
  assert.notEqual(authority, undefined);
  const secret = leaf as Secret;
  assert.equal(inspectWebTls("main-tls", secret, NOW).state, "good");
  assert.equal(isWebTlsDue(secret, order.names, NOW), false);
  assert.equal(isWebTlsDue(secret, order.names, later(240)), false);
  assert.equal(isWebTlsDue(secret, order.names, later(244)), true);
  assert.equal(isWebTlsDue(secret, [...order.names, "new.example.com"], NOW), true);
  assert.equal(isWebTlsDue(undefined, order.names, NOW), true);
});

test("makeWebTls signs a renewal with the authority that is there", () => {
  const first = makeWebTls(order, undefined, NOW);
  const second = makeWebTls(order, first.authority, later(250));
  assert.equal(second.authority, undefined);
  const authority = new X509Certificate(secretText(first.leaf, "ca.crt") ?? "");
  const renewed = new X509Certificate(secretText(second.leaf, "tls.crt") ?? "");
  assert.equal(renewed.verify(authority.publicKey), true);
});

test("makeWebTls replaces an authority that would expire before the leaf", () => {
  const first = makeWebTls(order, undefined, NOW);
  assert.notEqual(makeWebTls(order, first.authority, later(3500)).authority, undefined);
});

test("inspectWebTls names what is wrong with a provided Secret", () => {
  const { leaf } = makeWebTls(order, undefined, NOW);
  const other = makeWebTls(order, undefined, NOW).leaf as Secret;
  const good = leaf as Secret;
  const mixed: Secret = { ...good, data: { ...good.data, "tls.key": other.data?.["tls.key"] ?? "" } };
  const cases = [
    { name: "absent", secret: undefined, now: NOW, want: "SecretNotFound" },
    { name: "empty", secret: { metadata: { name: "x" } }, now: NOW, want: "InvalidCertificate" },
    { name: "key of another certificate", secret: mixed, now: NOW, want: "InvalidCertificate" },
    {
      name: "not PEM",
      secret: { ...good, data: secretData({ "tls.crt": "x", "tls.key": "y" }) },
      now: NOW,
      want: "InvalidCertificate",
    },
    { name: "a year later", secret: good, now: later(366), want: "Expired" },
  ];
  for (const { name, secret, now, want } of cases) {
    const found = inspectWebTls("web", secret, now);
    assert.equal(found.state === "unusable" ? found.problem : "good", want, name);
  }
});
