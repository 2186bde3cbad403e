/** An answer of the API that is no success, or none at all (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  /** Seconds until asking again can help, where the API says so. */
  readonly retryAfter: number | null;
  /** The field that was wrong, where one was. */
  readonly param: string | null;

  constructor(status: number, code: string, message: string, retryAfter: number | null, param: string | null = null) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
    this.param = param;
  }
}

/** The error that an answer means; its body is the OpenAI error object, or, behind a broken proxy, anything. */
export function apiError(response: Response, body: unknown): ApiError {
  const error = isRecord(body) && isRecord(body.error) ? body.error : {};
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return new ApiError(
    response.status,
    textOf(error.code) ?? "unknown",
    textOf(error.message) ?? `HTTP ${response.status}`,
    Number.isFinite(seconds) ? seconds : null,
    textOf(error.param),
  );
}

/** The error when nothing answered. */
export function unreachable(cause: unknown): ApiError {
  return new ApiError(0, "unreachable", cause instanceof Error ? cause.message : String(cause), null);
}

/** Whether asking again may help: what the caller did wrong stays wrong. */
export function mayRetry(error: unknown): boolean {
  return !(error instanceof ApiError) || error.status === 0 || error.status >= 500;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
