import { Alert, Anchor, Button, Group, Text } from "@mantine/core";
import { IconAlertTriangle, IconPlayerStop } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useTo } from "../../api/scope";
import type { Balance } from "../../api/types";
import { useSession } from "../../app/session";

/** What the state of the balance means and what to do about it; nothing while all is well. */
export function StateBanner({ balance }: { balance: Balance }) {
  const { t } = useTranslation("overview");
  if (balance.state === "normal") return null;
  const stopped = balance.state === "stopped";
  const title = stopped ? t("state.stopped") : t(balance.critical ? "banner.critical" : "state.running_low");
  return (
    <Alert
      color={stopped || balance.critical ? "red" : "yellow"}
      role={stopped ? "alert" : "status"}
      icon={stopped ? <IconPlayerStop aria-hidden /> : <IconAlertTriangle aria-hidden />}
      title={title}
    >
      <Group justify="space-between" gap="sm">
        <div>
          <Text size="sm">{t(stopped ? "banner.stopped" : "banner.running_low")}</Text>
          {stopped && (
            <Text size="sm" fw={600}>
              {t("banner.resume")}
            </Text>
          )}
        </div>
        <WayOut />
      </Group>
    </Alert>
  );
}

/** Whoever can grant a pack is led there; others to the page where packs are bought, where there is one. */
function WayOut() {
  const { t } = useTranslation("overview");
  const session = useSession();
  const to = useTo();
  if (session.role === "platform_admin") {
    return (
      <Button component={Link} to={to("packs?grant=1")} size="xs" color="dark" variant="outline">
        {t("action.grant")}
      </Button>
    );
  }
  if (session.top_up_url === null) return null;
  return (
    <Anchor href={session.top_up_url} target="_blank" rel="noreferrer" fw={600} size="sm">
      {t("banner.purchase")}
    </Anchor>
  );
}
