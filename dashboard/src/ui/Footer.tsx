import { Badge, Button, Group, Text } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../format/useFormat";
import { useSession } from "../app/session";
import { useFreshness } from "./useFreshness";
import { useRefreshData } from "./useRefreshData";

/** Whether what is shown was just read (Live) or is from before (Cached), when, and the button to read it again. */
export function Footer() {
  const { t } = useTranslation();
  const { version } = useSession();
  const format = useFormat();
  const { live, updatedAt } = useFreshness();
  const { refresh, refreshing } = useRefreshData();
  return (
    <Group component="footer" justify="space-between" gap="xs" mt="xl" pt="sm" className="farebox-footer">
      <Group gap="xs">
        {updatedAt !== null && (
          <>
            <Badge className="farebox-badge" variant="light" color={live ? "green" : "gray"} tt="none" radius="sm">
              {t(live ? "footer.live" : "footer.cached")}
            </Badge>
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
        <Button
          variant="default"
          size="xs"
          loading={refreshing}
          onClick={() => void refresh()}
          leftSection={<IconRefresh size={16} aria-hidden />}
        >
          {t("footer.refresh")}
        </Button>
      </Group>
    </Group>
  );
}
