import { ActionIcon, Group, Stack, Text } from "@mantine/core";
import { IconAdjustments, IconPencil } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Amount } from "../../ui/Amount";
import { StateBadge, UnlimitedBadge, WordBadge } from "../../ui/badges";
import type { Column } from "../../ui/table/columns";
import { Time } from "../../ui/Time";
import type { Account } from "./form";

export type AccountAction = "edit" | "limits";

export function useAccountColumns(onAction: (action: AccountAction, account: Account) => void): Column<Account>[] {
  const { t } = useTranslation("accounts");
  const amount = (account: Account, field: "available" | "reserved" | "used_this_month") =>
    account.standing ? <Amount value={account.standing[field]} resource={account.unit} /> : "–";
  return [
    { id: "name", header: t("field.name"), card: "title", cell: (account) => <Name account={account} /> },
    { id: "state", header: t("state_label"), card: "title", cell: (account) => <State account={account} /> },
    {
      id: "balance",
      header: t("balance"),
      align: "right",
      card: "line",
      cell: (account) =>
        account.standing?.unlimited ? (
          <UnlimitedBadge />
        ) : (
          <Amount value={account.standing?.balance ?? 0} resource={account.unit} named />
        ),
    },
    {
      id: "available",
      header: t("available"),
      align: "right",
      cell: (account) => (account.standing?.unlimited ? <UnlimitedBadge /> : amount(account, "available")),
    },
    { id: "reserved", header: t("reserved"), align: "right", cell: (account) => amount(account, "reserved") },
    {
      id: "used",
      header: t("used_this_month"),
      align: "right",
      card: "line",
      cell: (account) => amount(account, "used_this_month"),
    },
    {
      id: "packs",
      header: t("active_packs"),
      align: "right",
      card: "line",
      cell: (account) => account.standing?.active_packs ?? "–",
    },
    { id: "plan", header: t("field.plan"), cell: (account) => account.plan ?? "–" },
    { id: "created", header: t("created"), cell: (account) => <Time at={account.created_at} day /> },
    {
      id: "edit",
      header: t("actions"),
      card: "line",
      cell: (account) => (
        // The row below them opens the account.
        <Group gap={4} wrap="nowrap" onClick={(event) => event.stopPropagation()}>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t("edit_of", { name: account.name })}
            onClick={() => onAction("edit", account)}
          >
            <IconPencil size={18} aria-hidden />
          </ActionIcon>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t("limits.of", { name: account.name })}
            onClick={() => onAction("limits", account)}
          >
            <IconAdjustments size={18} aria-hidden />
          </ActionIcon>
        </Group>
      ),
    },
  ];
}

function Name({ account }: { account: Account }) {
  return (
    <Stack gap={0}>
      <Text fw={600}>{account.name}</Text>
      {account.email !== null && (
        <Text size="sm" c="dimmed">
          {account.email}
        </Text>
      )}
    </Stack>
  );
}

function State({ account }: { account: Account }) {
  const { t } = useTranslation("accounts");
  if (account.status === "suspended") {
    return <WordBadge color="gray">{t("account.suspended")}</WordBadge>;
  }
  return account.standing ? <StateBadge state={account.standing.state} /> : <>–</>;
}
