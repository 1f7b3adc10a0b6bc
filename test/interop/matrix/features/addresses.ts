/** Names and addresses: dots, ports, IPv6. */
import assert from "node:assert/strict";
import type { Cell, Feature } from "../cell.ts";
import { SECOND_PORT } from "../world.ts";
import type { RouteOptions } from "../routes.ts";

function reaching(options: RouteOptions): (cell: Cell) => Promise<void> {
  return async (cell) => {
    const route = await cell.route(options);
    const { status, stdout } = await cell.run({ do: "session", command: "echo $SSH_CONNECTION" }, { route });
    assert.equal(status, 0);
    assert.match(stdout.toString(), options.target === "six" ? /^::1 / : /^127\.0\.0\.1 /);
  };
}

export const ADDRESSES: readonly Feature[] = [
  { id: "dots", name: "a name with dots: web.eu.prod", try: reaching({ target: "web.eu" }) },
  {
    id: "port",
    name: "another port: -p 2222",
    forms: ["jump", "forward"],
    try: reaching({ port: SECOND_PORT }),
  },
  { id: "ipv6-target", name: "IPv6: target on ::1", try: reaching({ target: "six" }) },
  {
    id: "ipv6-proxy",
    name: "IPv6: proxy on ::1",
    forms: ["jump", "forward"],
    try: reaching({ proxyOnIpv6: true }),
  },
];
