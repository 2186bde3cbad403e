import { Anchor, Code, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Schema } from "../../api/types";
import { WordBadge } from "../../ui/badges";
import type { Column } from "../../ui/table/columns";
import { Time } from "../../ui/Time";
import { differences } from "./differences";

// What stands in the line already, or says only that there was a change.
const TOLD = ["account_id", "key_id", "pack_id", "version", "created_at", "changed_at", "granted_at"];

export type Line = Schema<"TrailLine">;

export function useTrailColumns(): Column<Line>[] {
  const { t } = useTranslation("trail");
  return [
    { id: "at", header: t("at"), card: "line", cell: (line) => <Time at={line.at} /> },
    {
      id: "action",
      header: t("action"),
      card: "title",
      cell: (line) => <WordBadge>{t(`actions.${line.action}`, { defaultValue: line.action })}</WordBadge>,
    },
    {
      id: "object",
      header: t("object"),
      card: "title",
      cell: (line) => (
        <Stack gap={0}>
          <Text size="sm">{t(`objects.${line.object}`, { defaultValue: line.object })}</Text>
          {line.object_id !== null && (
            <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
              {line.object_id}
            </Text>
          )}
        </Stack>
      ),
    },
    {
      id: "actor",
      header: t("actor"),
      card: "line",
      cell: (line) => (
        <Stack gap={0}>
          <Text size="sm">{t(`kinds.${line.actor_kind}`)}</Text>
          <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
            {line.user_id ?? line.actor ?? ""}
          </Text>
        </Stack>
      ),
    },
    { id: "via", header: t("via"), cell: (line) => t(`ways.${line.via}`) },
    { id: "changes", header: t("changes"), cell: (line) => <Changes line={line} /> },
    { id: "account", header: t("account"), cell: (line) => <Account id={line.account_id} /> },
  ];
}

function Account({ id }: { id: string | null }) {
  if (id === null) return <>–</>;
  return (
    <Anchor
      component={Link}
      to={`/admin/accounts/${id}/overview`}
      size="sm"
      title={id}
      style={{ whiteSpace: "nowrap" }}
    >
      {id.slice(0, 13)}…
    </Anchor>
  );
}

function Changes({ line }: { line: Line }) {
  const found = differences(line.before, line.after).filter(({ field }) => !TOLD.includes(field));
  if (found.length === 0) return <>–</>;
  return (
    <Stack gap={2}>
      {found.map(({ field, before, after }) => (
        <Text key={field} size="xs" style={{ overflowWrap: "anywhere" }}>
          {field}: {line.before !== null && <Code>{before}</Code>}
          {line.before !== null && line.after !== null && " → "}
          {line.after !== null && <Code>{after}</Code>}
        </Text>
      ))}
    </Stack>
  );
}
