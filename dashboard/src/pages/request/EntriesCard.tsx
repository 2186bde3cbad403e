import { Box, Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { packName } from "../../api/packNames";
import { useAccount } from "../../api/scope";
import { Amount } from "../../ui/Amount";
import { TypeBadge } from "../../ui/badges";
import { Section } from "../../ui/Section";
import { Time } from "../../ui/Time";
import type { Trace } from "./trace";

/** What moved in the ledger for this request: each pack that it drew on, refunds and corrections too. */
export function EntriesCard({ trace }: { trace: Trace }) {
  const { t } = useTranslation("request");
  const { unit } = useAccount();
  const resource = trace.event?.resource ?? trace.hold?.resource ?? unit;
  const packs = new Map(trace.packs.map((pack) => [pack.id, pack]));
  return (
    <Section title={t("entries")}>
      {trace.entries.length === 0 ? (
        <Text size="sm">{t("no_entries")}</Text>
      ) : (
        <Box role="group" aria-label={t("entries")} tabIndex={0} style={{ overflowX: "auto" }}>
          <Table>
            <caption className="visually-hidden">{t("entries")}</caption>
            <Table.Thead>
              <Table.Tr>
                <Table.Th scope="col">{t("type_column")}</Table.Th>
                <Table.Th scope="col" ta="right">
                  {t("amount_column")}
                </Table.Th>
                <Table.Th scope="col">{t("pack")}</Table.Th>
                <Table.Th scope="col">{t("reason")}</Table.Th>
                <Table.Th scope="col" ta="right">
                  {t("balance_after")}
                </Table.Th>
                <Table.Th scope="col">{t("at")}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {trace.entries.map((entry) => (
                <Table.Tr key={entry.id}>
                  <Table.Td>
                    <TypeBadge type={entry.type} />
                  </Table.Td>
                  <Table.Td ta="right">
                    <Amount value={entry.delta === 0 ? entry.amount : entry.delta} resource={resource} signed />
                  </Table.Td>
                  <Table.Td>
                    {entry.pack_id === null ? t("debt") : packName(entry.pack_id, packs.get(entry.pack_id))}
                  </Table.Td>
                  <Table.Td>{entry.reason ?? "–"}</Table.Td>
                  <Table.Td ta="right">
                    <Amount value={entry.balance_after} resource={resource} />
                  </Table.Td>
                  <Table.Td>
                    <Time at={entry.at} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Box>
      )}
    </Section>
  );
}
