/**
 * The built-in kinds as far as our programs read them. What we only write (pod
 * templates, policy rules) stays `unknown` here: its shape is the writer's business
 * and the API server's check.
 */
import type { Condition, KubeObject } from "@teleport-access/crd";

export interface Secret extends KubeObject {
  readonly type?: string;
  readonly immutable?: boolean;
  /** Values in base64. */
  readonly data?: Readonly<Record<string, string>>;
  /** Written only: the API server moves these to `data`. */
  readonly stringData?: Readonly<Record<string, string>>;
}

export interface ConfigMap extends KubeObject {
  readonly immutable?: boolean;
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

export interface Pod extends KubeObject {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export interface Service extends KubeObject {
  readonly spec?: {
    readonly type?: string;
    readonly clusterIP?: string;
    readonly ports?: readonly {
      readonly name?: string;
      readonly port: number;
      readonly nodePort?: number;
      readonly targetPort?: number | string;
    }[];
    readonly [field: string]: unknown;
  };
  readonly status?: {
    readonly loadBalancer?: {
      readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[];
    };
  };
}

export interface EndpointSlice extends KubeObject {
  readonly endpoints?: readonly {
    readonly addresses: readonly string[];
    readonly conditions?: { readonly ready?: boolean; readonly terminating?: boolean };
    readonly targetRef?: { readonly kind?: string; readonly name?: string; readonly uid?: string };
  }[];
}

export interface Deployment extends KubeObject {
  readonly spec?: { readonly replicas?: number; readonly [field: string]: unknown };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly conditions?: readonly Partial<Condition>[];
  };
}

/** A Lease of coordination.k8s.io: who leads, until when. Times are MicroTime. */
export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** Kinds of which we read the metadata and whatever the caller knows. */
export type OpaqueObject = KubeObject & Readonly<Record<string, unknown>>;

/** What may be written: a typed object, or a literal with whatever fields its kind has. */
export type Manifest = KubeObject | OpaqueObject;
