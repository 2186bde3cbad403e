import { Button, Group } from "@mantine/core";
import { IconBook2, IconChartHistogram, IconMessageChatbot, IconPackages, IconShoppingCart } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useTo } from "../../api/scope";
import { useSession } from "../../app/session";
import { Section } from "../../ui/Section";

/** The ways that most people take from here. */
export function QuickActions() {
  const { t } = useTranslation("overview");
  const { role, top_up_url: topUp } = useSession();
  const to = useTo();
  const admin = role === "platform_admin";
  return (
    <Section title={t("quick_actions")}>
      <Group gap="xs">
        {topUp !== null && !admin && (
          <Button
            component="a"
            href={topUp}
            target="_blank"
            rel="noreferrer"
            leftSection={<IconShoppingCart size={18} aria-hidden />}
          >
            {t("action.purchase")}
          </Button>
        )}
        {admin && (
          <Button component={Link} to={to("packs?grant=1")} leftSection={<IconPackages size={18} aria-hidden />}>
            {t("action.grant")}
          </Button>
        )}
        <Button
          variant="default"
          component={Link}
          to={to("allocations")}
          leftSection={<IconChartHistogram size={18} aria-hidden />}
        >
          {t("action.history")}
        </Button>
        <Button variant="default" component={Link} to={to("ledger")} leftSection={<IconBook2 size={18} aria-hidden />}>
          {t("action.ledger")}
        </Button>
        {!admin && (
          <Button
            variant="default"
            component={Link}
            to={to("playground")}
            leftSection={<IconMessageChatbot size={18} aria-hidden />}
          >
            {t("action.playground")}
          </Button>
        )}
      </Group>
    </Section>
  );
}
