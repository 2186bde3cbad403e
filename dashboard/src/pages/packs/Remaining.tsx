import { Box, Progress, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Pack } from "../../api/types";
import { percentOf } from "../../format/amounts";
import { useFormat } from "../../format/useFormat";
import { Amount } from "../../ui/Amount";
import { UnlimitedBadge } from "../../ui/badges";

/** What is left of a pack's original size, in numbers and as a bar. */
export function Remaining({ pack, named }: { pack: Pack; named: boolean }) {
  const { t } = useTranslation("packs");
  const format = useFormat();
  const { remaining, size, resource, reserved } = pack;
  if (pack.unlimited || remaining === null || size === null) return <UnlimitedBadge />;
  const percent = percentOf(remaining, size);
  return (
    <Box miw={170}>
      <Text component="div" size="sm">
        <Amount value={remaining} resource={resource} /> / <Amount value={size} resource={resource} named={named} />
      </Text>
      <Progress
        value={percent}
        size="sm"
        color={pack.status !== "active" ? "gray.6" : percent < 10 ? "red" : undefined}
        aria-label={t("remaining_percent", { percent: format.percent(Math.floor(percent)) })}
      />
      {reserved !== null && reserved > 0 && (
        <Text size="xs" c="dimmed">
          {t("held", { amount: format.amount(reserved, resource) })}
        </Text>
      )}
    </Box>
  );
}
