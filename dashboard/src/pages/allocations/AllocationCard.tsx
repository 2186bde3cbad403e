import { Card, Group, Progress, Text, Title } from "@mantine/core";
import { Trans, useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import { percentOf } from "../../format/amounts";
import { useFormat } from "../../format/useFormat";
import { Amount } from "../../ui/Amount";
import { UnlimitedBadge } from "../../ui/badges";
import { Time } from "../../ui/Time";
import { LimitsButton } from "../keys/LimitsButton";

const LOW_PERCENT = 10; // Where the platform warns (and "critical" below it), the bar does, too.
const CRITICAL_PERCENT = 5;

/** What may be spent on one model: available, how much of it is left, until when. */
export function AllocationCard({ of, unit }: { of: Schema<"ModelAllocation">; unit: string }) {
  const { t } = useTranslation("allocations");
  return (
    <Card withBorder padding="md" component="li">
      <Group justify="space-between" wrap="nowrap" align="flex-start" gap="xs">
        <Title order={3} size="h5" style={{ overflowWrap: "anywhere" }}>
          {of.model}
        </Title>
        {of.unlimited && <UnlimitedBadge />}
      </Group>
      {of.unlimited ? (
        <Text size="sm" c="dimmed" my="xs">
          {t("unlimited_hint")}
        </Text>
      ) : (
        <>
          <Text fw={650} mt={4}>
            <Trans
              t={t}
              i18nKey="available_of"
              components={{ amount: <Amount value={of.available} resource={unit} named /> }}
            />
          </Text>
          <Left of={of} unit={unit} />
        </>
      )}
      <Group justify="space-between" gap="xs" mt="auto">
        <Text size="sm" c="dimmed">
          {of.expires_at === null ? (
            t("amount.no_expiration")
          ) : (
            <>
              {t("expires")} <Time at={of.expires_at} day />
            </>
          )}
        </Text>
        <LimitsButton of={{ scope: "model", subject: of.model }} name={of.model} />
      </Group>
    </Card>
  );
}

/** The bar: what remains of what was granted. */
function Left({ of, unit }: { of: Schema<"ModelAllocation">; unit: string }) {
  const { t } = useTranslation("allocations");
  const format = useFormat();
  const percent = percentOf(of.remaining, of.size);
  const text = t("remaining_of", { remaining: format.amount(of.remaining, unit), size: format.amount(of.size, unit) });
  return (
    <>
      <Progress
        value={percent}
        color={colorOf(percent)}
        aria-label={t("pair", { name: of.model, value: text })}
        mt={6}
        mb={4}
      />
      <Text size="sm" c="dimmed" mb="xs">
        {text}
      </Text>
    </>
  );
}

function colorOf(percent: number): string {
  if (percent < CRITICAL_PERCENT) return "red";
  return percent < LOW_PERCENT ? "yellow" : "cyan.8";
}
