import { Alert, Anchor, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconHandStop } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { ApiError } from "../../api/errors";
import { useAccount } from "../../api/scope";
import { useSession } from "../../app/session";
import { useFormat } from "../../format/useFormat";
import { useReason } from "../../ui/Failure";
import { Refused, type Details } from "./chat";

/** Why there is no answer, and what to do about it. */
export function Refusal({ error }: { error: Error }) {
  if (error instanceof Refused && error.status === 402) return <NotPaid error={error} />;
  return <Broken error={error} />;
}

function NotPaid({ error }: { error: Refused }) {
  const { t } = useTranslation("playground");
  const session = useSession();
  // Only a balance below the reserve, or no pack at all, stops everything; the others stop this request.
  const stopped = error.code === "min_reserve_reached" || error.code === "no_active_pack";
  const url = error.details.top_up_url ?? session.top_up_url;
  return (
    <Alert
      color={error.code === "balance_held" ? "yellow" : "red"}
      role="alert"
      icon={<IconHandStop aria-hidden />}
      title={stopped ? t("state.stopped") : t(`refused.${error.code}`)}
    >
      <Stack gap="xs">
        {stopped && (
          <>
            <Text size="sm">{t("stopped.paused")}</Text>
            <Text size="sm">{t("stopped.resume")}</Text>
          </>
        )}
        <Text size="sm">{t(`refused_do.${error.code}`, { seconds: error.retryAfter ?? 1 })}</Text>
        <Needed details={error.details} />
        {url !== null && (
          <Anchor href={url} size="sm" rel="noreferrer">
            {t("stopped.top_up")}
          </Anchor>
        )}
      </Stack>
    </Alert>
  );
}

function Needed({ details }: { details: Details }) {
  const { t } = useTranslation("playground");
  const format = useFormat();
  const { unit } = useAccount();
  const { required, available, balance, min_reserve } = details;
  if (required === undefined || available === undefined || balance === undefined) return null;
  const amount = (value: number) => format.amount(value, details.unit ?? unit);
  return (
    <Text size="sm">
      {t("stopped.needed", {
        required: amount(required),
        available: amount(available),
        balance: amount(balance),
        reserve: amount(min_reserve ?? 0),
      })}
    </Text>
  );
}

function Broken({ error }: { error: Error }) {
  const { t } = useTranslation("playground");
  const reason = useReason(error);
  return (
    <Alert color="red" role="alert" icon={<IconAlertTriangle aria-hidden />} title={t("broken.title")}>
      <Stack gap="xs">
        <Text size="sm">{reason}</Text>
        <Text size="sm">{t(`broken.${whatToDo(error)}`)}</Text>
      </Stack>
    </Alert>
  );
}

function whatToDo(error: Error): string {
  if (!(error instanceof ApiError)) return "network";
  if (error.status === 0) return "network";
  if (error.status === 429) return "limit";
  if (error.status === 403 || error.status === 404) return "model";
  if (error.status === 503) return "meter";
  return error.status >= 500 ? "upstream" : "request";
}
