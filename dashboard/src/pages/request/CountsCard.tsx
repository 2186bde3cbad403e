import { Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Event } from "../../api/types";
import { useFormat } from "../../format/useFormat";
import { WordBadge } from "../../ui/badges";
import { Section } from "../../ui/Section";

/** Both counts, side by side: what was charged, and what was counted here; and which of the two was believed. */
export function CountsCard({ event }: { event: Event }) {
  const { t } = useTranslation("request");
  const format = useFormat();
  const rows: [string, number, number | null][] = [
    ["prompt", event.prompt_tokens, event.counted_prompt_tokens],
    ["completion", event.completion_tokens, event.counted_completion_tokens],
    ...(event.cached_tokens > 0 ? [["cached", event.cached_tokens, null] as [string, number, null]] : []),
    ...(event.reasoning_tokens > 0 ? [["reasoning", event.reasoning_tokens, null] as [string, number, null]] : []),
  ];
  return (
    <Section title={t("counts")} actions={<WordBadge>{t(`source_${event.source}`)}</WordBadge>}>
      <Text size="sm" c="dimmed" mb="xs">
        {t(`source_${event.source}_means`)}
      </Text>
      <Table>
        <caption className="visually-hidden">{t("counts")}</caption>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{t("tokens")}</Table.Th>
            <Table.Th scope="col" ta="right">
              {t("charged")}
            </Table.Th>
            <Table.Th scope="col" ta="right">
              {t("counted_here")}
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map(([name, charged, counted]) => (
            <Table.Tr key={name}>
              <Table.Th scope="row" fw={400}>
                {t(`tokens_${name}`)}
              </Table.Th>
              <Table.Td ta="right">{format.number(charged)}</Table.Td>
              <Table.Td ta="right">{counted === null ? "–" : format.number(counted)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Section>
  );
}
