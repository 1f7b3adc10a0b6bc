/**
 * As much of an X server as it takes to see that X11 is forwarded: it reads the
 * hello of a client, looks for its own cookie in it, and answers in one line
 * (X Window System Protocol, section 8, "Connection Setup").
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Server } from "node:net";
import type { TestFolder } from "@teleport-access/testkit";
import type { Display } from "./client.ts";

/** Display N listens on this port plus N. */
const X11_PORT = 6000;
const FIRST_DISPLAY = 40;
const DISPLAYS = 100;
export const COOKIE_KIND = "MIT-MAGIC-COOKIE-1";
/** FamilyWild of libXau. */
const ANY_HOST = 0xffff;
/** The answer to somebody who has the right cookie. */
export const WELCOME = "the display says hello";

export interface FakeDisplay {
  /** For the environment of a client. */
  readonly environment: Display;
  close(): void;
}

/** Starts one on the first display that is free. */
export async function startDisplay(folder: TestFolder): Promise<FakeDisplay> {
  const cookie = randomBytes(16);
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (hello) => {
      socket.end(hello.includes(cookie) ? WELCOME : "whose cookie is that?");
    });
  });
  const display = `127.0.0.1:${await listenOnFreeDisplay(server)}`;
  const authority = folder.file("display.authority");
  execFileSync("xauth", ["-q", "-f", authority, "add", display, COOKIE_KIND, cookie.toString("hex")], {
    stdio: "ignore",
  });
  // For asyncssh, which compares host names with what xauth has turned into an address: good for any host.
  appendFileSync(authority, authorityEntry(ANY_HOST, ["", display.replace(/.*:/, ""), COOKIE_KIND, cookie]));
  return {
    environment: { DISPLAY: display, XAUTHORITY: authority },
    close() {
      server.close();
    },
  };
}

/** A record of an authority file: family, then address, display, kind and cookie, each behind its length. */
function authorityEntry(family: number, fields: readonly (string | Buffer)[]): Buffer {
  const parts = fields.flatMap((field) => [uint16(field.length), Buffer.from(field as string)]);
  return Buffer.concat([uint16(family), ...parts]);
}

function uint16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 255);
}

async function listenOnFreeDisplay(server: Server): Promise<number> {
  for (let display = FIRST_DISPLAY; display < FIRST_DISPLAY + DISPLAYS; display += 1) {
    if (await listen(server, X11_PORT + display)) return display;
  }
  throw new Error("no X display is free");
}

function listen(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    function taken(): void {
      resolve(false);
    }
    server.once("error", taken);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", taken);
      resolve(true);
    });
  });
}
