import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import { useFormat } from "../../format/useFormat";
import { Figure, Figures } from "../../ui/Figure";
import { Time } from "../../ui/Time";

/** What is under way, and what once went wrong, in figures. */
export function State({ proof }: { proof: Schema<"Proof"> }) {
  const { t } = useTranslation("proof");
  const format = useFormat();
  const { recovered, holds_open, drift } = proof;
  const repaired = drift?.filter((one) => one.repaired).length ?? 0;
  return (
    <Figures>
      <Figure label={t("holds_open")} note={t(holds_open === null ? "redis_away" : "holds_open_note")}>
        {holds_open === null ? "–" : format.number(holds_open)}
      </Figure>
      <Figure
        label={t("unsettled")}
        note={proof.parked === 0 ? t("parked_none") : t("parked", { number: format.number(proof.parked) })}
        color={proof.parked > 0 ? "red" : undefined}
      >
        {format.number(proof.unsettled)}
      </Figure>
      <Figure
        label={t("recovered")}
        note={
          recovered.last_at === null ? (
            t("recovered_none")
          ) : (
            <>
              {t("recovered_corrected", { number: format.number(recovered.corrected) })} <Time at={recovered.last_at} />
            </>
          )
        }
      >
        {format.number(recovered.requests)}
      </Figure>
      <Figure
        label={t("drift.title")}
        note={drift === null ? t("redis_away") : t("drift.repaired", { number: format.number(repaired) })}
        color={drift && drift.length > repaired ? "red" : undefined}
      >
        {drift === null ? "–" : format.number(drift.length)}
      </Figure>
    </Figures>
  );
}
