import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { FakeApiServer } from "@teleport-access/testkit";
import { KubeError } from "./errors.ts";
import { createTransport, type Connection, type TransportRequest } from "./transport.ts";

const GET: TransportRequest = {
  method: "GET",
  path: "/api/v1/secrets",
  timeoutMs: 5_000,
  what: "list secrets",
};

function code(wanted: KubeError["code"]) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof KubeError);
    assert.equal(error.code, wanted, error.message);
    return true;
  };
}

describe("createTransport", { timeout: 10_000 }, () => {
  test("request uses one connection for one request after the other", async () => {
    const sockets: Socket[] = [];
    await using server = await FakeApiServer.start();
    server.onConnection((socket) => sockets.push(socket));
    const transport = createTransport({ server: server.url }, "test");
    for (let i = 0; i < 10; i++) await transport.request(GET);
    transport.close();
    assert.equal(sockets.length, 1);
  });

  test("request sends token and user agent, and asks for the token each time", async () => {
    await using server = await FakeApiServer.start();
    let number = 0;
    const transport = createTransport({ server: server.url, token: () => `t${++number}` }, "teleport-x/1");
    await transport.request(GET);
    await transport.request(GET);
    assert.deepEqual(
      server.requests.map((request) => request.headers.authorization),
      ["Bearer t1", "Bearer t2"],
    );
    assert.equal(server.requests[0]?.headers["user-agent"], "teleport-x/1");
    transport.close();
  });

  test("request keeps the path of the server's URL", async () => {
    await using server = await FakeApiServer.start();
    const transport = createTransport({ server: `${server.url}/k8s/clusters/c1/` }, "test");
    await transport.request(GET);
    assert.equal(server.requests[0]?.path, "/k8s/clusters/c1/api/v1/secrets");
    transport.close();
  });

  test("request rejects with KUBE_TIMEOUT when no answer comes", async () => {
    await using server = await FakeApiServer.start();
    server.fail({ kind: "hang" });
    const transport = createTransport({ server: server.url }, "test");
    await assert.rejects(transport.request({ ...GET, timeoutMs: 20 }), code("KUBE_TIMEOUT"));
  });

  test("request rejects with KUBE_UNREACHABLE when nobody listens", async () => {
    const server = await FakeApiServer.start();
    const { url } = server;
    await server.close();
    await assert.rejects(createTransport({ server: url }, "test").request(GET), code("KUBE_UNREACHABLE"));
  });

  test("request rejects with KUBE_UNREACHABLE when a token cannot be sent", async () => {
    const transport = createTransport({ server: "http://127.0.0.1:1", token: () => "a\nb" }, "test");
    await assert.rejects(transport.request(GET), code("KUBE_UNREACHABLE"));
  });

  test("request repeats a GET once, and a POST never, when a reused connection turns out to be closed", async () => {
    await using server = await FakeApiServer.start();
    const transport = createTransport({ server: server.url }, "test");
    await transport.request(GET);
    server.fail({ kind: "reset" });
    assert.equal((await transport.request(GET)).status, 200);
    assert.equal(server.requests.length, 3);
    server.fail({ kind: "reset" });
    const post = { ...GET, method: "POST", body: "{}" };
    await assert.rejects(transport.request(post), code("KUBE_UNREACHABLE"));
    assert.equal(server.requests.length, 4);
    transport.close();
  });

  test("stream ends once, with KUBE_ABORTED, when it is closed", async () => {
    await using server = await FakeApiServer.start();
    const transport = createTransport({ server: server.url }, "test");
    const ends: unknown[] = [];
    const opened = Promise.withResolvers<undefined>();
    const stream = transport.stream(
      { ...GET, path: "/api/v1/secrets?watch=true" },
      {
        open: () => {
          opened.resolve(undefined);
        },
        data: () => undefined,
        end: (result) => ends.push(result.failure?.code),
      },
    );
    await opened.promise;
    stream.close();
    stream.close();
    assert.deepEqual(ends, ["KUBE_ABORTED"]);
  });

  test("stream ends with KUBE_UNREACHABLE when the connection breaks within the answer", async () => {
    const server = createServer((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab");
        setImmediate(() => socket.destroy());
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const transport = createTransport({ server: `http://127.0.0.1:${port}` }, "test");
    const result = await new Promise<KubeError | undefined>((resolve) => {
      transport.stream(GET, {
        open: () => undefined,
        data: () => undefined,
        end: ({ failure }) => {
          resolve(failure);
        },
      });
    });
    assert.equal(result?.code, "KUBE_UNREACHABLE");
    server.close();
  });

  test("stream gives the answer when it is not 200", async () => {
    await using server = await FakeApiServer.start();
    server.fail({ kind: "status", status: 429, retryAfterSeconds: 1 });
    const transport = createTransport({ server: server.url }, "test");
    const answer = await new Promise((resolve) => {
      transport.stream(GET, {
        open: () => assert.fail("opened"),
        data: () => undefined,
        end: (result) => {
          resolve(result.answer?.status);
        },
      });
    });
    assert.equal(answer, 429);
  });
});

describe("createTransport over TLS", { timeout: 20_000 }, () => {
  let folder: string;
  function file(name: string): string {
    return readFileSync(join(folder, name), "utf8");
  }

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "kube-tls-"));
    for (const name of ["server", "other"]) {
      execFileSync(
        "openssl",
        // prettier-ignore
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
          "-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1,DNS:api.test",
          "-keyout", `${name}.key`, "-out", `${name}.crt`],
        { cwd: folder, stdio: "pipe" },
      );
    }
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  async function ask(change: Partial<Connection>): Promise<number> {
    await using server = await FakeApiServer.start({
      tls: { key: file("server.key"), cert: file("server.crt") },
    });
    const transport = createTransport({ server: server.url, ...change }, "test");
    const { status } = await transport.request(GET);
    transport.close();
    return status;
  }

  test("request accepts the server that the CA names", async () => {
    assert.equal(await ask({ ca: () => file("server.crt") }), 200);
  });

  test("request refuses another CA's server, and one that no CA was given for", async () => {
    await assert.rejects(ask({ ca: () => file("other.crt") }), code("KUBE_UNREACHABLE"));
    await assert.rejects(ask({}), code("KUBE_UNREACHABLE"));
  });

  test("request verifies the name it is told to", async () => {
    assert.equal(await ask({ ca: () => file("server.crt"), serverName: "api.test" }), 200);
    await assert.rejects(
      ask({ ca: () => file("server.crt"), serverName: "else.test" }),
      code("KUBE_UNREACHABLE"),
    );
  });

  test("request takes a new CA over as soon as the file has it", async () => {
    await using server = await FakeApiServer.start({
      tls: { key: file("server.key"), cert: file("server.crt") },
    });
    let ca = file("other.crt");
    const transport = createTransport({ server: server.url, ca: () => ca }, "test");
    await assert.rejects(transport.request(GET), code("KUBE_UNREACHABLE"));
    ca = file("server.crt");
    assert.equal((await transport.request(GET)).status, 200);
    transport.close();
  });
});
