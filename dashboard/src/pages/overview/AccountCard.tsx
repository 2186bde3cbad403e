import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import { WordBadge } from "../../ui/badges";
import { CopyButton } from "../../ui/CopyButton";
import { Fact, Facts } from "../../ui/Facts";
import { Section } from "../../ui/Section";
import { Time } from "../../ui/Time";
import { LimitsButton } from "../keys/LimitsButton";

/** Who the account is. */
export function AccountCard({ account }: { account: Schema<"AccountShown"> }) {
  const { t } = useTranslation("overview");
  const unknown = t("not_set");
  return (
    <Section
      title={t("account")}
      actions={
        <>
          {account.status === "suspended" && <WordBadge color="red">{t("suspended")}</WordBadge>}
          <LimitsButton of={{ scope: "account" }} name={account.name} />
        </>
      }
    >
      <Facts>
        <Fact name={t("name")}>{account.name}</Fact>
        <Fact name={t("email")}>{account.email ?? unknown}</Fact>
        <Fact name={t("plan")}>{account.plan ?? unknown}</Fact>
        <Fact name={t("domain")}>{account.domain ?? unknown}</Fact>
        <Fact name={t("created")}>
          <Time at={account.since} day />
        </Fact>
        <Fact name={t("unit")}>{t(`unit_${account.unit}`)}</Fact>
        <Fact name={t("time_zone")}>{account.time_zone}</Fact>
        <Fact name={t("id")}>
          <code>…{account.id.slice(-8)}</code> <CopyButton text={account.id} label={t("copy_id")} />
        </Fact>
      </Facts>
    </Section>
  );
}
