import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { connect, createServer } from "node:tls";
import { makeAuthority, makeLeaf } from "./certificate.ts";

const window = { notBefore: new Date("2026-01-01T00:00:00Z"), notAfter: new Date("2127-01-01T00:00:00Z") };

function keyPair() {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

function chain(names: readonly string[]) {
  const authority = keyPair();
  const server = keyPair();
  const issuer = { commonName: "acme web authority", key: authority.privateKey };
  return {
    ca: makeAuthority(issuer, window),
    cert: makeLeaf(issuer, { names, publicKey: server.publicKey, window }),
    key: server.privateKey.export({ type: "pkcs8", format: "pem" }),
  };
}

test("makeLeaf makes a certificate for names and addresses that its authority signed", () => {
  const { ca, cert } = chain(["proxy.example.com", "192.0.2.7", "2001:db8::1"]);
  const authority = new X509Certificate(ca);
  const leaf = new X509Certificate(cert);
  assert.equal(authority.ca, true);
  assert.equal(leaf.ca, false);
  assert.equal(leaf.verify(authority.publicKey), true);
  assert.equal(leaf.checkIssued(authority), true);
  assert.equal(leaf.checkHost("proxy.example.com"), "proxy.example.com");
  assert.equal(leaf.checkHost("other.example.com"), undefined);
  assert.equal(leaf.checkIP("192.0.2.7"), "192.0.2.7");
  assert.equal(leaf.checkIP("2001:db8::1"), "2001:db8::1");
  assert.deepEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
  assert.equal(new Date(leaf.validTo).toISOString(), "2127-01-01T00:00:00.000Z");
  assert.equal(new Date(leaf.validFrom).toISOString(), "2026-01-01T00:00:00.000Z");
});

test("makeLeaf gives every certificate its own serial number", () => {
  const { cert } = chain(["a.example"]);
  assert.notEqual(
    new X509Certificate(cert).serialNumber,
    new X509Certificate(chain(["a.example"]).cert).serialNumber,
  );
});

test("makeAuthority and makeLeaf are accepted by a TLS 1.3 client that trusts the authority alone", async () => {
  const { ca, cert, key } = chain(["localhost"]);
  const server = createServer({ cert, key, minVersion: "TLSv1.3" }, (socket) => socket.end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = connect({ host: "127.0.0.1", port, servername: "localhost", ca });
  await once(client, "secureConnect");
  assert.equal(client.authorized, true);
  client.destroy();
  server.close();
});
