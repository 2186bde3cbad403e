import { Alert, Button, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { ApiError } from "../api/errors";

/** Nothing could be loaded, why, and the way to try again. */
export function Failure({ error, onRetry }: { error: Error; onRetry: () => void }) {
  const { t } = useTranslation();
  return (
    <Alert color="red" role="alert" icon={<IconAlertTriangle aria-hidden />} title={t("failure.title")}>
      <Stack align="flex-start" gap="sm">
        <Text size="sm">{useReason(error)}</Text>
        <Button variant="default" size="sm" onClick={onRetry}>
          {t("failure.retry")}
        </Button>
      </Stack>
    </Alert>
  );
}

/** Why a change was refused, inside the form or dialog that asked for it. */
export function WhyNot({ error }: { error: Error }) {
  return (
    <Alert color="red" role="alert">
      {useReason(error)}
    </Alert>
  );
}

/** Why something failed, in the reader's words where there are some, else in the API's own. */
export function useReason(error: Error): string {
  const { t } = useTranslation();
  return reasonOf(error, t);
}

export function reasonOf(
  error: Error,
  t: (key: string | string[], values?: Record<string, unknown>) => string,
): string {
  if (!(error instanceof ApiError)) return error.message;
  if (error.status === 0) return t("failure.unreachable");
  if (error.status === 429 && error.retryAfter !== null) return t("failure.throttled", { seconds: error.retryAfter });
  // The API speaks English: to other readers the words say the gist, and then what it said.
  return t([`failure.status_${error.status}`, "failure.status_any"], { message: error.message });
}
