import { Card, Group, Title } from "@mantine/core";
import { useId, type ReactNode } from "react";

/** A part of a page with its heading: a landmark that screen readers list by its name. */
export function Section({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  const id = useId();
  return (
    <Card component="section" withBorder padding="md" h="100%" aria-labelledby={id}>
      <Group justify="space-between" gap="sm" mb="sm">
        <Title order={2} size="h4" id={id}>
          {title}
        </Title>
        {actions}
      </Group>
      {children}
    </Card>
  );
}
