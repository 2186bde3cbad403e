import { Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Balance } from "../../api/types";
import { Amount } from "../../ui/Amount";
import { StateBadge, UnlimitedBadge } from "../../ui/badges";
import { Fact, Facts } from "../../ui/Facts";
import { Section } from "../../ui/Section";
import { TimeToEmpty } from "./TimeToEmpty";

/** The balance with its state, and what decides about it. */
export function BalanceCard({ balance }: { balance: Balance }) {
  const { t } = useTranslation("overview");
  const amount = (value: number) => <Amount value={value} resource={balance.resource} />;
  return (
    <Section title={t("balance")} actions={<StateBadge state={balance.state} />}>
      <Group align="baseline" gap="xs">
        <Text fz={{ base: 26, sm: 32 }} fw={750} lh={1.2} style={{ overflowWrap: "anywhere" }}>
          <Amount value={balance.balance} resource={balance.resource} named />
        </Text>
        {balance.unlimited && <UnlimitedBadge />}
      </Group>
      <Text size="sm" c="dimmed" mb="xs">
        {t(balance.state === "normal" ? "healthy" : "packs", { count: balance.active_packs })}
      </Text>
      <Facts>
        <Fact name={t("reserved")}>{amount(balance.reserved)}</Fact>
        <Fact name={t("available")}>{balance.unlimited ? t("amount.unlimited") : amount(balance.available)}</Fact>
        {balance.debt > 0 && <Fact name={t("debt")}>{amount(balance.debt)}</Fact>}
        <Fact name={t("warning_threshold")}>{amount(balance.warning_threshold)}</Fact>
        <Fact name={t("min_reserve")}>{amount(balance.min_reserve)}</Fact>
        {!balance.unlimited && <TimeToEmpty />}
      </Facts>
    </Section>
  );
}
