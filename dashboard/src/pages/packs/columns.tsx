import { Text } from "@mantine/core";
import type { TFunction } from "i18next";
import type { ReactNode } from "react";
import type { Pack } from "../../api/types";
import { StatusBadge } from "../../ui/badges";
import type { Column } from "../../ui/table/columns";
import { Time } from "../../ui/Time";
import { Remaining } from "./Remaining";

/** The columns that users know, then for whom and for what a pack is, then what can be done with it. */
export function packColumns(
  t: TFunction<"packs">,
  unit: string,
  actions: ((pack: Pack) => ReactNode) | null,
): Column<Pack>[] {
  const columns: Column<Pack>[] = [
    { id: "status", header: t("status_column"), card: "title", cell: (pack) => <StatusBadge status={pack.status} /> },
    {
      id: "remaining",
      header: t("remaining"),
      card: "line",
      cell: (pack) => <Remaining pack={pack} named={pack.resource !== unit} />,
    },
    {
      id: "expires",
      header: t("expires"),
      card: "line",
      cell: (pack) => (pack.expires_at === null ? t("amount.no_expiration") : <Time at={pack.expires_at} />),
    },
    { id: "granted", header: t("granted_at"), cell: (pack) => <Time at={pack.granted_at} /> },
    {
      id: "note",
      header: t("note"),
      card: "title",
      cell: (pack) => (
        <Text span inherit style={{ overflowWrap: "anywhere" }}>
          {pack.note}
        </Text>
      ),
    },
    { id: "for", header: t("for"), cell: (pack) => pack.user_id ?? t("shared") },
    { id: "models", header: t("models"), cell: (pack) => pack.models?.join(", ") ?? t("any_model") },
  ];
  if (actions !== null) columns.push({ id: "actions", header: t("actions"), card: "line", cell: actions });
  return columns;
}
