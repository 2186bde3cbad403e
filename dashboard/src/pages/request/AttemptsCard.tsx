import { List, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Event } from "../../api/types";
import { Section } from "../../ui/Section";

/** Which models were tried before one answered. What failed is not charged. */
export function AttemptsCard({ event }: { event: Event }) {
  const { t } = useTranslation("request");
  const failed = event.attempts;
  return (
    <Section title={t("attempts")}>
      <List size="sm" type="ordered" spacing={4}>
        {failed.map((attempt, index) => (
          <List.Item key={index}>
            {t("pair", { name: `${attempt.model} (${attempt.provider})`, value: t("failed") })}
            <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
              {attempt.error}
            </Text>
          </List.Item>
        ))}
        <List.Item>
          {t("pair", {
            name: event.model === "-" ? event.endpoint : `${event.model} (${event.provider})`,
            value: t(`ended.${event.status}`, { defaultValue: event.status }),
          })}
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
