/**
 * The routes behind the invite page. What they check: signin/invite.ts.
 */
import type { FastifyReply } from "fastify";
import { toDataURL } from "qrcode";
import type { EnrollRefused, EnrollRefusal } from "../signin/invite.ts";
import { finishEnrollment, startEnrollment } from "../signin/invite.ts";
import type {
  ApiErrorCode,
  EnrollFinishAnswer,
  EnrollFinishRequest,
  EnrollStartAnswer,
  EnrollStartRequest,
} from "./api.ts";
import type { WebApp, WebContext } from "./context.ts";
import { sendError } from "./errors.ts";
import { CODE, objectOf, PASSWORD, text, USER } from "./schemas.ts";

const START = objectOf({ user: USER, token: text(128) });
const FINISH = objectOf({
  user: USER,
  token: text(128),
  enrollment: text(4096),
  password: PASSWORD,
  code: CODE,
});

/** What the person is told. Whether the user exists is not said. */
const CODE_OF_REFUSAL: Readonly<Record<EnrollRefusal, ApiErrorCode>> = {
  "unknown-user": "invite-not-valid",
  "bad-invite": "invite-not-valid",
  "expired-invite": "invite-not-valid",
  "bad-enrollment": "enrollment-expired",
  "weak-password": "weak-password",
  "wrong-code": "wrong-code",
  busy: "too-many-requests",
};

export function addEnrollRoutes(app: WebApp, context: WebContext): void {
  const { deps, enroll, budget } = context;

  function refuse(reply: FastifyReply, user: string, address: string, refused: EnrollRefused): FastifyReply {
    const { reason, detail } = refused;
    const code = CODE_OF_REFUSAL[reason];
    if (code === "invite-not-valid") budget.failed(address, deps.clock.now());
    deps.audit.record({ event: "enroll", outcome: "denied", reason, user, client: address });
    return sendError(reply, code, detail);
  }

  app.post<{ Body: EnrollStartRequest }>(
    "/api/v1/enroll/start",
    { config: { open: true }, schema: { body: START } },
    async (request, reply) => {
      const now = deps.clock.now();
      if (!budget.allows(request.ip, now)) return sendError(reply, "too-many-requests");
      const started = await startEnrollment(enroll, request.body, now);
      if (started.enrolled === false) return refuse(reply, request.body.user, request.ip, started);
      const { totpSecret, otpauthUrl, enrollment } = started;
      const qr = await toDataURL(otpauthUrl, { margin: 1, width: 400, errorCorrectionLevel: "M" });
      return { totpSecret, otpauthUrl, qr, enrollment } satisfies EnrollStartAnswer;
    },
  );

  app.post<{ Body: EnrollFinishRequest }>(
    "/api/v1/enroll/finish",
    { config: { open: true }, schema: { body: FINISH } },
    async (request, reply) => {
      const now = deps.clock.now();
      if (!budget.allows(request.ip, now)) return sendError(reply, "too-many-requests");
      const finished = await finishEnrollment(enroll, request.body, now);
      const { user } = request.body;
      if (!finished.enrolled) return refuse(reply, user, request.ip, finished);
      deps.audit.record({ event: "enroll", outcome: "allowed", user, client: request.ip });
      return { user } satisfies EnrollFinishAnswer;
    },
  );
}
