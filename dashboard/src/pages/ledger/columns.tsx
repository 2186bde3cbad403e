import { Text } from "@mantine/core";
import type { TFunction } from "i18next";
import { packName } from "../../api/packNames";
import type { Entry, Pack } from "../../api/types";
import { Amount } from "../../ui/Amount";
import { TypeBadge } from "../../ui/badges";
import type { Column } from "../../ui/table/columns";
import { Time } from "../../ui/Time";
import { Split } from "./Split";

/** What an entry is an amount of: that of its pack; debt is in what the request was charged in, mostly the unit. */
export function resourceOf(entry: Entry, packs: Map<string, Pack>, unit: string): string {
  return (entry.pack_id === null ? undefined : packs.get(entry.pack_id)?.resource) ?? unit;
}

/** The columns that users know from their usage ledger and their transaction history. */
export function entryColumns(t: TFunction<"ledger">, packs: Map<string, Pack>, unit: string): Column<Entry>[] {
  return [
    { id: "time", header: t("time"), sort: "at", card: "line", cell: (entry) => <Time at={entry.at} /> },
    {
      id: "type",
      header: t("type_column"),
      sort: "kind",
      card: "title",
      cell: (entry) => <TypeBadge type={entry.type} />,
    },
    {
      id: "amount",
      header: t("amount_column"),
      sort: "amount",
      align: "right",
      card: "title",
      cell: (entry) => <Moved entry={entry} resource={resourceOf(entry, packs, unit)} unit={unit} />,
    },
    { id: "split", header: t("split"), align: "right", cell: (entry) => <Split entry={entry} /> },
    { id: "model", header: t("model"), sort: "model", card: "line", cell: (entry) => named(entry.model) },
    { id: "service", header: t("service"), sort: "service", cell: (entry) => named(entry.service) },
    { id: "session", header: t("session"), cell: (entry) => <SessionAndReason entry={entry} /> },
    {
      id: "pack",
      header: t("pack"),
      cell: (entry) => (
        <Text size="sm" miw={96} style={{ overflowWrap: "anywhere" }}>
          {entry.pack_id === null ? "–" : packName(entry.pack_id, packs.get(entry.pack_id))}
        </Text>
      ),
    },
    {
      id: "balance",
      header: t("balance_after"),
      sort: "balance_after",
      align: "right",
      card: "line",
      cell: (entry) => <Amount value={entry.balance_after} resource={resourceOf(entry, packs, unit)} />,
    },
  ];
}

/** The model "-" stands for uses that are no model call. */
function named(name: string | null): string {
  return name === null || name === "-" ? "–" : name;
}

/** What the entry did to the balance; one that moves none (debt that is repaid) shows what it moved. */
function Moved({ entry, resource, unit }: { entry: Entry; resource: string; unit: string }) {
  const color = entry.delta > 0 ? "farebox-healthy" : entry.delta < 0 ? "farebox-low" : undefined;
  return (
    <Text span inherit fw={600} className={color}>
      <Amount
        value={entry.delta === 0 ? entry.amount : entry.delta}
        resource={resource}
        named={resource !== unit}
        signed
      />
    </Text>
  );
}

function SessionAndReason({ entry }: { entry: Entry }) {
  return (
    <>
      <Text size="sm" style={{ overflowWrap: "anywhere" }}>
        {entry.session_id ?? "–"}
      </Text>
      {entry.reason !== null && (
        <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
          {entry.reason}
        </Text>
      )}
    </>
  );
}
