import createClient, { type Middleware } from "openapi-fetch";
import { apiError, unreachable } from "./errors";
import type { paths } from "./schema";
import type { Session } from "./session";

const SESSION = "/api/v1/session";

/** What the client has to know of the session; `app/session.tsx` keeps it up to date. */
const held: { csrfToken: string | null; onEnded: () => void } = { csrfToken: null, onEnded: () => undefined };

export function holdSession(session: Session | null): void {
  held.csrfToken = session?.csrf_token ?? null;
}

/** Have `onEnded` called when the API says that the session is over. */
export function whenSessionEnds(onEnded: () => void): void {
  held.onEnded = onEnded;
}

/** The header that a change by cookie needs; for requests that the typed client can't make (a stream). */
export function csrfHeaders(): Record<string, string> {
  return held.csrfToken === null ? {} : { "X-CSRF-Token": held.csrfToken };
}

const session: Middleware = {
  onRequest({ request }) {
    if (request.method !== "GET" && request.method !== "HEAD") {
      for (const [name, value] of Object.entries(csrfHeaders())) request.headers.set(name, value);
    }
    return request;
  },
  onResponse({ response, schemaPath }) {
    // The session's own route answers 401 where nobody is signed in, which ends nothing.
    if (response.status === 401 && schemaPath !== SESSION) held.onEnded();
  },
};

export const client = createClient<paths>({ baseUrl: location.origin });
client.use(session);

interface Answered<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** The data of a successful answer; anything else is thrown as an ApiError. */
export async function answered<Data>(answer: Promise<Answered<Data>>): Promise<Data> {
  let got: Answered<Data>;
  try {
    got = await answer;
  } catch (cause) {
    throw unreachable(cause);
  }
  if (!got.response.ok) throw apiError(got.response, got.error);
  return got.data as Data;
}

/** A key for one change, so that pressing twice, or a retry, changes it once. */
export function newIdempotencyKey(): string {
  // crypto.randomUUID is missing on plain http, where somebody may well try Farebox in their own network.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
