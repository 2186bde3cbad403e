import { Alert, Anchor, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Balance } from "../../api/types";
import { useSession } from "../../app/session";

/** What the state of the balance means for whoever is about to ask. */
export function BalanceNotice({ state }: { state: Balance["state"] }) {
  const { t } = useTranslation("playground");
  const { top_up_url: url } = useSession();
  if (state === "normal") return null;
  const stopped = state === "stopped";
  return (
    <Alert color={stopped ? "red" : "yellow"} role="status" title={t(`state.${state}`)}>
      <Text size="sm">{stopped ? t("stopped.paused") : t("stopped.low")}</Text>
      {stopped && <Text size="sm">{t("stopped.resume")}</Text>}
      {url !== null && (
        <Anchor href={url} size="sm" rel="noreferrer">
          {t("stopped.top_up")}
        </Anchor>
      )}
    </Alert>
  );
}
