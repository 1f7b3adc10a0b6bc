/** The audit log as tests read it. */

/** One line of the audit log. */
export interface AuditRecord {
  readonly event: string;
  readonly outcome: string;
  readonly reason?: string;
  readonly user?: string;
  readonly client?: string;
  readonly cluster?: string;
  readonly target?: string;
  readonly connection?: string;
  readonly session?: string;
  readonly secondFactor?: boolean;
  readonly warnings?: readonly string[];
  readonly durationMs?: number;
  readonly bytesIn?: number;
  readonly bytesOut?: number;
  readonly certificate?: { readonly keyId: string; readonly serial: string; readonly authority: string };
  readonly elapsedMs?: number;
  readonly grant?: { readonly uid: string; readonly name: string; readonly resourceVersion: string };
  readonly detail?: Readonly<Record<string, unknown>>;
}
