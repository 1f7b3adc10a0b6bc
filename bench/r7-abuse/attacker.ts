/**
 * One attack in a process of its own, at the lowest priority: it takes what the victim, the product and the target
 * leave of the machine, since on two cores its own work would hurt the victim more than the product does.
 *
 *   node bench/r7-abuse/attacker.ts <orders>
 */
import { readFileSync } from "node:fs";
import { setPriority } from "node:os";
import { startSsh2 } from "@teleport-access/ssh";
import { identityOf } from "../lab/load.ts";
import type { IdentityText } from "../lab/load.ts";
import { ATTACKS } from "./attacks.ts";
import type { AttackPorts } from "./attacks.ts";

export interface AttackOrders {
  readonly attack: string;
  readonly ports: AttackPorts;
  readonly identity: IdentityText;
}

if (import.meta.main) {
  setPriority(19);
  await startSsh2();
  const {
    attack: name,
    ports,
    identity,
  } = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as AttackOrders;
  const attack = ATTACKS.find((one) => one.name === name);
  if (attack === undefined) throw new Error(`bench: no attack "${name}"`);
  console.log(JSON.stringify({ begun: name }));
  for (;;) {
    try {
      await attack.run({ ports, identity: identityOf(identity) });
    } catch {
      // Cut, or not let in: an attacker comes back.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
