import { Box } from "@mantine/core";
import { useRouteError } from "react-router";
import { Failure } from "./Failure";

/** A page that broke, or whose script could not be fetched (a newer version was deployed): loading anew mends both. */
export function RouteFailure() {
  const error = useRouteError();
  return (
    <Box p="md">
      <Failure
        error={error instanceof Error ? error : new Error(String(error))}
        onRetry={() => window.location.reload()}
      />
    </Box>
  );
}
