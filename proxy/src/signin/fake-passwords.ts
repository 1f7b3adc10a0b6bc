/**
 * For tests only: passwords that cost nothing to check. The real ones are tested
 * in password.test.ts, and through the server in web/server.test.ts.
 */
import type { Passwords } from "./password.ts";

/** "Hashes" that are the password behind a mark. */
export const fakePasswords: Passwords = {
  busy: () => false,
  hash: (password) => Promise.resolve(`$argon2id$fake$${password}`),
  verify: (stored, password) => Promise.resolve(password !== "" && stored === `$argon2id$fake$${password}`),
};
