import { Code, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useAccount } from "../../api/scope";
import { WordBadge } from "../../ui/badges";
import { Amount } from "../../ui/Amount";
import type { Column } from "../../ui/table/columns";
import { Time } from "../../ui/Time";
import { stateOf, type Key } from "./form";
import { KeyMenu, type KeyAction } from "./KeyMenu";
import { LIMITS, resourceOf } from "./limits";

const STATE_COLORS = { active: "green", expired: "orange", revoked: "red" } as const;

export function useKeyColumns(onAction: (action: KeyAction, subject: Key) => void): Column<Key>[] {
  const { t } = useTranslation("keys");
  return [
    { id: "name", header: t("name"), card: "title", cell: (key) => <Name subject={key} /> },
    { id: "status", header: t("status_label"), card: "title", cell: (key) => <State subject={key} /> },
    { id: "user", header: t("user_id"), card: "line", cell: (key) => key.user_id ?? "–" },
    {
      id: "role",
      header: t("role_label"),
      card: "line",
      cell: (key) => t(key.role === "admin" ? "role.account_admin" : "role.member"),
    },
    {
      id: "used",
      header: t("last_used"),
      card: "line",
      cell: (key) => (key.last_used_at === null ? t("never") : <Time at={key.last_used_at} />),
    },
    { id: "limits", header: t("limits.title"), cell: (key) => <LimitList subject={key} /> },
    { id: "models", header: t("models"), cell: (key) => key.models?.join(", ") ?? t("any") },
    {
      id: "expires",
      header: t("expires"),
      cell: (key) => (key.expires_at === null ? t("amount.no_expiration") : <Time at={key.expires_at} />),
    },
    { id: "created", header: t("created"), cell: (key) => <Time at={key.created_at} day /> },
    {
      id: "actions",
      header: t("actions"),
      card: "line",
      cell: (key) => <KeyMenu subject={key} onAction={onAction} />,
    },
  ];
}

function Name({ subject }: { subject: Key }) {
  return (
    <Stack gap={0}>
      {subject.name !== "" && <Text fw={600}>{subject.name}</Text>}
      <Group gap={4}>
        <Code>{subject.prefix}…</Code>
      </Group>
    </Stack>
  );
}

function State({ subject }: { subject: Key }) {
  const { t } = useTranslation("keys");
  const state = stateOf(subject, new Date());
  const old = subject.previous_valid_until;
  return (
    <Stack gap={2} align="flex-start">
      <WordBadge color={STATE_COLORS[state]}>{t(`status.${state}`)}</WordBadge>
      {old !== null && state === "active" && new Date(old) > new Date() && (
        <Text size="xs" c="dimmed">
          {t("old_until")} <Time at={old} />
        </Text>
      )}
    </Stack>
  );
}

function LimitList({ subject }: { subject: Key }) {
  const { t } = useTranslation("keys");
  const { unit } = useAccount();
  const set = LIMITS.filter((name) => typeof subject.limits?.[name] === "number");
  if (set.length === 0) return <>{t("limit.none")}</>;
  return (
    <Stack gap={0}>
      {set.map((name) => (
        <Text key={name} size="xs" style={{ whiteSpace: "nowrap" }}>
          <Amount value={subject.limits?.[name] ?? 0} resource={resourceOf(name, unit)} /> {t(`limit_short.${name}`)}
        </Text>
      ))}
    </Stack>
  );
}
