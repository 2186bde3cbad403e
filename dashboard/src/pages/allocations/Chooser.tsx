import { Group, Select } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useAccount, useScope } from "../../api/scope";
import { useRead } from "../../api/useRead";
import { useSession } from "../../app/session";
import { useResourceName } from "../../ui/Amount";
import type { Filters } from "../../ui/useFilters";
import { useResources } from "../../ui/useResources";

/** Of which resource, and for admins of which member. */
export function Chooser({ filters }: { filters: Filters }) {
  const { t } = useTranslation("allocations");
  const { role } = useSession();
  const { unit } = useAccount();
  const nameOf = useResourceName();
  const resources = useResources(filters.one("resource"));
  return (
    <Group gap="sm" align="flex-end">
      {(resources.length > 1 || filters.any) && (
        <Select
          label={t("resource")}
          allowDeselect={false}
          value={filters.one("resource") ?? unit}
          onChange={(resource) => filters.set({ resource: resource === unit ? null : resource })}
          data={resources.map((resource) => ({ value: resource, label: nameOf(resource) }))}
        />
      )}
      {role !== "member" && <MemberChoice filters={filters} />}
    </Group>
  );
}

function MemberChoice({ filters }: { filters: Filters }) {
  const { t } = useTranslation("allocations");
  const members = useRead(reads.members(useScope(), { limit: 1000 }));
  const chosen = filters.one("user_id");
  const known = (members.data?.data ?? []).map((member) => member.user_id);
  return (
    <Select
      label={t("member")}
      placeholder={t("whole_account")}
      searchable
      clearable
      value={chosen}
      onChange={(member) => filters.set({ user_id: member })}
      data={[...new Set([...known, ...(chosen === null ? [] : [chosen])])]}
    />
  );
}
