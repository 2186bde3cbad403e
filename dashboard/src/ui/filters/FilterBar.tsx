import { Badge, Button, Card, Collapse, Group, SimpleGrid } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconFilter, IconFilterOff } from "@tabler/icons-react";
import { useId, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { PHONE } from "../phone";
import type { Filters } from "../useFilters";

/** Open where some are set, but not on a phone, where they would push the list itself off the screen. */
export function startsOpen(filters: Pick<Filters, "any">): boolean {
  return filters.any && !window.matchMedia(PHONE).matches;
}

/** The filters of a list, folded away until they are wanted; a badge says how many are set. */
export function FilterBar({ filters, children }: { filters: Filters; children: ReactNode }) {
  const { t } = useTranslation();
  const id = useId();
  const [opened, { toggle }] = useDisclosure(startsOpen(filters));
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
          rightSection={
            filters.any && (
              <>
                <Badge size="sm" circle aria-hidden>
                  {filters.count}
                </Badge>
                <span className="visually-hidden">{t("filters.set", { count: filters.count })}</span>
              </>
            )
          }
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
