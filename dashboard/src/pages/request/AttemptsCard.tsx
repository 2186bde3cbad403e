import { List, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Event } from "../../api/types";
import { Section } from "../../ui/Section";
import { attemptsOf } from "./trace";

/** Which models were tried before one answered. What failed is not charged. */
export function AttemptsCard({ event }: { event: Event }) {
  const { t } = useTranslation("request");
  const failed = attemptsOf(event);
  return (
    <Section title={t("attempts")}>
      <List size="sm" type="ordered" spacing={4}>
        {failed.map((attempt, index) => (
          <List.Item key={index}>
            {attempt.model} ({attempt.provider}): {t("failed")}
            <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
              {attempt.error}
            </Text>
          </List.Item>
        ))}
        <List.Item>
          {event.model === "-" ? event.endpoint : `${event.model} (${event.provider})`}: {event.status}
        </List.Item>
      </List>
      {failed.length === 0 && (
        <Text size="sm" c="dimmed" mt="xs">
          {t("first_try")}
        </Text>
      )}
    </Section>
  );
}
