import { Badge, Code, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import type { Column } from "../../ui/table/columns";
import { Time } from "../../ui/Time";
import { differences } from "./differences";

export type Line = Schema<"TrailLine">;

export function useTrailColumns(): Column<Line>[] {
  const { t } = useTranslation("trail");
  return [
    { id: "at", header: t("at"), card: "line", cell: (line) => <Time at={line.at} /> },
    {
      id: "action",
      header: t("action"),
      card: "title",
      cell: (line) => (
        <Badge className="farebox-badge" variant="light" radius="sm" tt="none">
          {t(`actions.${line.action}`, { defaultValue: line.action })}
        </Badge>
      ),
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
    { id: "account", header: t("account"), cell: (line) => line.account_id ?? "–" },
  ];
}

function Changes({ line }: { line: Line }) {
  const found = differences(line.before, line.after);
  if (found.length === 0) return <>–</>;
  return (
    <Stack gap={2}>
      {found.map(({ field, before, after }) => (
        <Text key={field} size="xs" style={{ overflowWrap: "anywhere" }}>
          {field}: <Code>{before}</Code> → <Code>{after}</Code>
        </Text>
      ))}
    </Stack>
  );
}
