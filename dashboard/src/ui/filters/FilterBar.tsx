import { Button, Card, Collapse, Group, SimpleGrid } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconFilter, IconFilterOff } from "@tabler/icons-react";
import { useId, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Filters } from "../useFilters";

/** The filters of a list, folded away until they are wanted; open where some are set. */
export function FilterBar({ filters, children }: { filters: Filters; children: ReactNode }) {
  const { t } = useTranslation();
  const id = useId();
  const [opened, { toggle }] = useDisclosure(filters.any);
  return (
    <div>
      <Group gap="xs">
        <Button
          variant="default"
          size="xs"
          onClick={toggle}
          aria-expanded={opened}
          aria-controls={id}
          leftSection={<IconFilter size={16} aria-hidden />}
        >
          {t("filters.open")}
        </Button>
        {filters.any && (
          <Button
            variant="subtle"
            size="xs"
            onClick={filters.clear}
            leftSection={<IconFilterOff size={16} aria-hidden />}
          >
            {t("filters.clear")}
          </Button>
        )}
      </Group>
      <Collapse expanded={opened} id={id}>
        <Card withBorder mt="xs" padding="sm">
          <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} spacing="sm">
            {children}
          </SimpleGrid>
        </Card>
      </Collapse>
    </div>
  );
}
