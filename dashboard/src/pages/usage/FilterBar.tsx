import { Card, Select, SimpleGrid, TagsInput, Text, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useAccount, useScope } from "../../api/scope";
import { useRead } from "../../api/useRead";
import { useSession } from "../../app/session";
import { useResourceName } from "../../ui/Amount";
import { ChoiceFilter } from "../../ui/filters/fields";
import { useResources } from "../../ui/useResources";
import { RANGES } from "./range";
import type { UsageFilters } from "./useUsageFilters";

const OWN_DAYS = "days";

/** The range of time, the resource and the members that all of the page is about. */
export function FilterBar({ usage }: { usage: UsageFilters }) {
  const { t } = useTranslation("usage");
  const { role } = useSession();
  const { time_zone: zone } = useAccount();
  const nameOf = useResourceName();
  const resources = useResources(usage.chosen.resource);
  const { filters, range } = usage;

  const chooseRange = (value: string | null) =>
    filters.set(
      value === OWN_DAYS
        ? { range: null, from: range.first, to: range.last }
        : { range: value === "7" ? null : value, from: null, to: null },
    );

  return (
    <Card withBorder padding="md" component="section" aria-label={t("filters")}>
      <SimpleGrid cols={{ base: 1, xs: 2, md: range.days === null ? 5 : 3 }} spacing="sm">
        <Select
          size="xs"
          label={t("range")}
          value={range.days === null ? OWN_DAYS : String(range.days)}
          onChange={chooseRange}
          allowDeselect={false}
          data={[
            ...RANGES.map((days) => ({
              value: String(days),
              label: days === 1 ? t("today") : t("last", { count: days }),
            })),
            { value: OWN_DAYS, label: t("own_days") },
          ]}
        />
        {range.days === null && (
          <>
            <TextInput
              size="xs"
              type="date"
              label={t("from")}
              value={range.first}
              max={range.last}
              onChange={(event) => filters.set({ from: event.currentTarget.value, to: range.last })}
            />
            <TextInput
              size="xs"
              type="date"
              label={t("to")}
              value={range.last}
              min={range.first}
              onChange={(event) => filters.set({ from: range.first, to: event.currentTarget.value })}
            />
          </>
        )}
        <ChoiceFilter
          filters={filters}
          name="resource"
          label={t("resource_type")}
          placeholder={t("all_resources")}
          data={resources.map((resource) => ({ value: resource, label: nameOf(resource) }))}
        />
        {role !== "member" && <Members usage={usage} />}
      </SimpleGrid>
      <Text size="sm" c="dimmed" mt="xs">
        {t("days_are", { zone })}
      </Text>
    </Card>
  );
}

/** Any number of members. A key or a pack may name people that have no row as a member, so others can be typed, too. */
function Members({ usage: { filters, chosen } }: { usage: UsageFilters }) {
  const { t } = useTranslation("usage");
  const members = useRead(reads.members(useScope(), { limit: 1000 }));
  return (
    <TagsInput
      size="xs"
      label={t("user_id")}
      placeholder={chosen.users.length === 0 ? t("all_users") : undefined}
      clearable
      value={chosen.users}
      onChange={(users) => filters.set({ user_id: users })}
      data={(members.data?.data ?? []).map((member) => member.user_id)}
    />
  );
}
