import { Progress, Text } from "@mantine/core";
import { Trans, useTranslation } from "react-i18next";
import { packName } from "../../api/packNames";
import { percentOf } from "../../format/amounts";
import { Amount } from "../../ui/Amount";
import { Fact, Facts } from "../../ui/Facts";
import { Section } from "../../ui/Section";
import { Time } from "../../ui/Time";
import { holdOf, type Trace } from "./trace";

/** What was set aside before anything was forwarded, and how it was laid on packs. */
export function HoldCard({ trace }: { trace: Trace }) {
  const { t } = useTranslation("request");
  const hold = holdOf(trace);
  if (hold === null) {
    return (
      <Section title={t("hold")}>
        <Text size="sm">{t("no_hold")}</Text>
      </Section>
    );
  }
  const { amount, resource, split } = hold;
  const packs = new Map(trace.packs.map((pack) => [pack.id, pack]));
  const charge = trace.event?.charge ?? null;
  return (
    <Section title={t("hold")}>
      <Text fz={28} fw={750} lh={1.2}>
        <Amount value={amount} resource={resource} named />
      </Text>
      {charge !== null && (
        <>
          <Progress
            my={6}
            size="sm"
            value={percentOf(charge, amount)}
            color={charge > amount ? "red" : undefined}
            aria-label={t("of_hold")}
          />
          <Text size="sm" c="dimmed" mb="xs">
            <Trans
              t={t}
              i18nKey={charge > amount ? "above_hold" : "given_back"}
              components={{ amount: <Amount value={Math.abs(amount - charge)} resource={resource} /> }}
            />
          </Text>
        </>
      )}
      <Facts>
        {trace.reserved_at !== null && (
          <Fact name={t("reserved_at")}>
            <Time at={trace.reserved_at} />
          </Fact>
        )}
        {trace.hold && <Fact name={t("progress")}>{trace.hold.progress}</Fact>}
        {split.map((part) => (
          <Fact key={part.pack_id} name={t("on_pack", { pack: packName(part.pack_id, packs.get(part.pack_id)) })}>
            <Amount value={part.amount} resource={resource} />
          </Fact>
        ))}
        {trace.debt_amount !== null && trace.debt_amount > 0 && (
          <Fact name={t("debt")}>
            <Amount value={trace.debt_amount} resource={resource} />
          </Fact>
        )}
      </Facts>
    </Section>
  );
}
