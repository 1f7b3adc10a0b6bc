/** Which environment variables go on to the target: what Debian's sshd takes from a client. */

const ACCEPTED = /^(?:LANG|LC_[A-Za-z0-9_]+|COLORTERM|NO_COLOR)$/;

/** Whether the target gets to see a variable of this name. Its sshd decides again. */
export function isAcceptedVariable(name: string): boolean {
  return ACCEPTED.test(name);
}
