/** Names of the Secrets of a ProxyUser. */
export function credentialsSecretName(user: string): string {
  return `${user}-credentials`;
}

export function inviteSecretName(user: string): string {
  return `${user}-invite`;
}
