import { QueryClient } from "@tanstack/react-query";
import { mayRetry } from "../api/errors";

const FRESH_MS = 2_000; // Two parts of a page that read the same ask once.

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: FRESH_MS,
      retry: (failures, error) => failures < 1 && mayRetry(error),
      retryDelay: 1_000,
    },
  },
});
