/** The session's routes, by hand until /openapi.json describes them. */
export type Role = "platform_admin" | "account_admin" | "member";

export interface Session {
  role: Role;
  account: { id: string; name: string; unit: string; time_zone: string } | null;
  user_id: string | null;
  key: { id: string; name: string; prefix: string } | null;
  csrf_token: string;
  expires_at: string;
  demo: boolean;
  top_up_url: string | null;
  version: string;
  gateway: { base_url: string };
}

interface Answer<Status extends number, Content> {
  responses: Record<Status, { headers: Record<string, unknown>; content: { "application/json": Content } }>;
}

export interface SessionPaths {
  "/api/v1/session": {
    get: Answer<200, Session>;
    post: Answer<200, Session> & { requestBody: { content: { "application/json": { key: string } } } };
    delete: { responses: { 204: { headers: Record<string, unknown>; content?: never } } };
  };
}
