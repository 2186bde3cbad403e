import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Balance, Schema } from "../../api/types";
import { useFormat } from "../../format/useFormat";
import { Amount, useResourceName } from "../../ui/Amount";
import { Fact, Facts } from "../../ui/Facts";
import { Section } from "../../ui/Section";
import { Time } from "../../ui/Time";

const SHOWN_APART = ["tokens", "credits", "images"];

interface Props {
  balance: Balance;
  statistics: Schema<"Statistics">;
  used: Schema<"Overview">["used"];
}

/** What the account has and what it used in all, with everything that it uses besides tokens. */
export function StatisticsCard({ balance, statistics, used }: Props) {
  const { t } = useTranslation("overview");
  const format = useFormat();
  const nameOf = useResourceName();
  const healthy = balance.state === "normal";
  const others = Object.entries(used).filter(([resource]) => !SHOWN_APART.includes(resource));
  return (
    <Section title={t("statistics")}>
      <Facts>
        <Fact name={t("current_balance")}>
          <Text span inherit fw={700} className={healthy ? "farebox-healthy" : "farebox-low"}>
            <Amount value={statistics.current_balance} resource={balance.unit} />
          </Text>
        </Fact>
        <Fact name={t("tokens_used")}>{format.number(statistics.tokens_used)}</Fact>
        <Fact name={t("credits_used")}>
          <Amount value={statistics.used} resource={balance.unit} />
        </Fact>
        <Fact name={t("api_calls")}>{format.number(statistics.api_calls)}</Fact>
        <Fact name={t("images_processed")}>{format.number(statistics.images_processed)}</Fact>
        {others.map(([resource, use]) => (
          <Fact key={resource} name={t("used_of", { resource: nameOf(resource) })}>
            <Amount value={use.charge - use.refunded} resource={resource} />
          </Fact>
        ))}
        <Fact name={t("last_updated")}>
          <Time at={statistics.last_updated} />
        </Fact>
      </Facts>
    </Section>
  );
}
