/**
 * How Kubernetes writes moments: `Time` to the second, `MicroTime` with exactly
 * six digits (the API server answers 400 to any other number of them).
 */

/** metav1.Time, as in conditions. */
export function kubeTime(now: Date): string {
  return now.toISOString().replace(/\.\d{3}Z$/, "Z");
}

/** metav1.MicroTime, as in Leases and events. */
export function microTime(now: Date): string {
  return now.toISOString().replace(/Z$/, "000Z");
}
