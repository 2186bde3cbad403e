import { Alert, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useFormat } from "../../format/useFormat";
import { Amount } from "../../ui/Amount";
import { Fact, Facts } from "../../ui/Facts";
import { Section } from "../../ui/Section";
import { Time } from "../../ui/Time";
import { RefundButton } from "./RefundButton";
import type { Trace } from "./trace";

/** What the request was charged, and everything that says what it was. */
export function ChargeCard({ trace }: { trace: Trace }) {
  const { t } = useTranslation("request");
  const format = useFormat();
  const event = trace.event;
  if (event === null) {
    return (
      <Section title={t("charge")}>
        <Alert color="cyan" role="status">
          {t(trace.hold?.state === "settling" ? "settling" : trace.hold ? "running" : "unknown")}
        </Alert>
      </Section>
    );
  }
  const amount = (value: number) => <Amount value={value} resource={event.resource} />;
  return (
    <Section title={t("charge")} actions={<RefundButton trace={trace} event={event} />}>
      <Text fz={28} fw={750} lh={1.2} mb="xs">
        <Amount value={event.charge} resource={event.resource} named />
      </Text>
      <Facts>
        <Fact name={t("at")}>
          <Time at={event.at} />
        </Fact>
        <Fact name={t("state")}>{t(`ended.${event.status}`, { defaultValue: event.status })}</Fact>
        <Fact name={t("model")}>{event.model === "-" ? "–" : `${event.model} (${event.provider})`}</Fact>
        <Fact name={t("endpoint")}>{event.endpoint}</Fact>
        <Fact name={t("member")}>{event.user_id ?? "–"}</Fact>
        <Fact name={t("feature")}>{event.feature ?? "–"}</Fact>
        <Fact name={t("session")}>{event.session_id ?? "–"}</Fact>
        <Fact name={t("reason")}>{event.reason}</Fact>
        <Fact name={t("pool")}>
          {t(`pool_${event.pool}`)}
          {event.pool === "hybrid" && (
            <>
              {" "}
              ({amount(event.allocated_amount)} + {amount(event.surplus_amount)})
            </>
          )}
        </Fact>
        {event.cost !== null && <Fact name={t("cost")}>{format.money(event.cost)}</Fact>}
        {trace.refunded !== null && trace.refunded > 0 && <Fact name={t("refunded")}>{amount(trace.refunded)}</Fact>}
        {trace.rate_version !== null && <Fact name={t("rate_version")}>{trace.rate_version}</Fact>}
        <Fact name={t("duration")}>{t("milliseconds", { count: event.duration_ms })}</Fact>
      </Facts>
    </Section>
  );
}
