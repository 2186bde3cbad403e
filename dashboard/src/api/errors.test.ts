import { expect, test } from "vitest";
import { ApiError, apiError, mayRetry, unreachable } from "./errors";

test("an error says what the API said, and when to ask again", () => {
  const response = new Response(null, { status: 429, headers: { "retry-after": "7" } });
  const error = apiError(response, { error: { message: "Too many.", code: "rate_limit_exceeded", param: "key" } });
  expect([error.status, error.code, error.message, error.retryAfter, error.param]).toEqual([
    429,
    "rate_limit_exceeded",
    "Too many.",
    7,
    "key",
  ]);
});

test("an answer that is none of ours is an error all the same", () => {
  expect(apiError(new Response(null, { status: 502 }), "<html>").message).toBe("HTTP 502");
});

test("only what may pass by itself is tried again", () => {
  const refused = new ApiError(403, "not_allowed", "No.", null);
  const away = new ApiError(503, "meter_unavailable", "Later.", 1);
  expect([refused, away, unreachable(new Error("offline"))].map(mayRetry)).toEqual([false, true, true]);
});
