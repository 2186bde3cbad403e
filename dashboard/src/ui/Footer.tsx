import { Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useFormat } from "../format/useFormat";
import { useSession } from "../app/session";
import { WordBadge } from "./badges";
import { RefreshButton } from "./RefreshButton";
import { useFreshness } from "./useFreshness";

/** Whether what is shown was just read (Live) or is from before (Cached), when, and the button to read it again. */
export function Footer() {
  const { t } = useTranslation();
  const { version } = useSession();
  const format = useFormat();
  const { live, updatedAt } = useFreshness();
  return (
    <Group component="footer" justify="space-between" gap="xs" mt="xl" pt="sm" className="farebox-footer">
      <Group gap="xs">
        {updatedAt !== null && (
          <>
            <WordBadge color={live ? "green" : "gray"}>{t(live ? "footer.live" : "footer.cached")}</WordBadge>
            <Text size="sm" c="dimmed">
              {t("footer.updated", { time: format.clock(new Date(updatedAt)) })}
            </Text>
          </>
        )}
      </Group>
      <Group gap="md">
        <Text size="sm" c="dimmed">
          Farebox {version}
        </Text>
        <RefreshButton size="xs" />
      </Group>
    </Group>
  );
}
