import { Group, SimpleGrid } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useAccount } from "../../api/scope";
import type { Balance, Schema } from "../../api/types";
import { useFormat } from "../../format/useFormat";
import { Amount } from "../../ui/Amount";
import { StateBadge, UnlimitedBadge } from "../../ui/badges";
import { Figure } from "../../ui/Figure";
import { completionTokens, isRunning, type Progress } from "./progress";
import { chargeAt } from "./useForecast";

interface Props {
  progress: Progress;
  balance: Balance;
  trace: Schema<"RequestTrace"> | undefined;
  forecast: Schema<"Count"> | undefined;
}

/** Tokens, hold, charge and balance of the request, as they tick. */
export function Meter({ progress, balance, trace, forecast }: Props) {
  const { t } = useTranslation("playground");
  return (
    <SimpleGrid component="dl" m={0} cols={{ base: 2, lg: 4 }} spacing={{ base: "xs", lg: "md" }}>
      <Tokens progress={progress} forecast={forecast} />
      <Held progress={progress} trace={trace} forecast={forecast} />
      <Charged progress={progress} trace={trace} forecast={forecast} />
      <Figure
        label={t("balance")}
        note={
          <Group gap="xs" component="span" wrap="wrap">
            <StateBadge state={balance.state} />
            {!balance.unlimited && (
              <span>
                {t("available")} <Amount value={progress.available ?? balance.available} resource={balance.unit} />
              </span>
            )}
          </Group>
        }
      >
        {balance.unlimited ? <UnlimitedBadge /> : <Amount value={balance.balance} resource={balance.unit} />}
      </Figure>
    </SimpleGrid>
  );
}

function Tokens({ progress, forecast }: Pick<Props, "progress" | "forecast">) {
  const { t } = useTranslation("playground");
  const format = useFormat();
  const completion = completionTokens(progress);
  const prompt = progress.usage?.promptTokens ?? forecast?.prompt_tokens ?? 0;
  const sum = format.number(prompt + completion.tokens);
  return (
    <Figure
      label={t("tokens")}
      note={t(completion.exact ? "tokens_exact" : "tokens_estimate", {
        prompt: format.number(prompt),
        completion: format.number(completion.tokens),
      })}
    >
      {completion.exact || progress.phase === "idle" ? sum : t("about", { amount: sum })}
    </Figure>
  );
}

function Held({ progress, trace, forecast }: Pick<Props, "progress" | "trace" | "forecast">) {
  const { t } = useTranslation("playground");
  const { unit } = useAccount();
  const open = trace?.hold?.amount;
  const before = progress.phase === "idle" ? forecast?.hold : undefined;
  const amount = open ?? trace?.reserved ?? before ?? (isRunning(progress) ? forecast?.hold : undefined);
  const note = trace?.event ? "hold_settled" : isRunning(progress) ? "hold_open" : before ? "hold_would" : "hold_none";
  return (
    <Figure label={t("hold")} note={t(note)}>
      {amount === undefined ? "–" : <Amount value={amount} resource={unit} />}
    </Figure>
  );
}

function Charged({ progress, trace, forecast }: Pick<Props, "progress" | "trace" | "forecast">) {
  const { t } = useTranslation("playground");
  const format = useFormat();
  const { unit } = useAccount();
  const exact = trace?.event?.charge ?? progress.charged;
  const text = progress.text !== "" || isRunning(progress);
  const estimate = forecast && text ? chargeAt(forecast, completionTokens(progress).tokens) : null;
  const waiting = exact === null && progress.phase === "stopped" ? t("charge_settling") : t("charge_estimate");
  return (
    <Figure
      label={t("charge")}
      note={
        trace?.event ? t("charge_booked") : exact !== null ? t("charge_booking") : text ? waiting : t("charge_none")
      }
    >
      {exact !== null ? (
        <Amount value={exact} resource={unit} />
      ) : estimate === null ? (
        "–"
      ) : (
        t("about", { amount: format.amount(estimate, unit) })
      )}
    </Figure>
  );
}
