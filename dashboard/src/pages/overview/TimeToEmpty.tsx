import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useScope } from "../../api/scope";
import { useRead } from "../../api/useRead";
import { useFormat } from "../../format/useFormat";
import { Fact } from "../../ui/Facts";
import { Time } from "../../ui/Time";

/** When the balance is used up if it goes on like this. */
export function TimeToEmpty() {
  const { t } = useTranslation("overview");
  const format = useFormat();
  const estimate = useRead(reads.estimate(useScope()));
  if (estimate.data === undefined) return null;
  const empty = estimate.data.time_to_empty;
  if (empty === null) return <Fact name={t("time_to_empty")}>{t("never_empty")}</Fact>;
  return (
    <Fact name={t(empty.window === "24h" ? "time_to_empty_day" : "time_to_empty_week")}>
      {format.duration(empty.seconds)} (<Time at={empty.at} />)
    </Fact>
  );
}
