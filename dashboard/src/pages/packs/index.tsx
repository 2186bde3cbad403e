import { Button, Chip, Group } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useAccount, useScope } from "../../api/scope";
import type { Pack } from "../../api/types";
import { useList } from "../../api/useRead";
import { EmptyState } from "../../ui/EmptyState";
import { Page } from "../../ui/Page";
import { DataTable } from "../../ui/table/DataTable";
import { useFilters } from "../../ui/useFilters";
import { usePages } from "../../ui/usePages";
import { packColumns } from "./columns";
import { EditModal } from "./EditModal";
import { GrantModal } from "./GrantModal";
import { PackActions } from "./PackActions";
import { RevokeModal } from "./RevokeModal";

const FILTERS = ["status"];
const STATUSES: Pack["status"][] = ["active", "depleted", "expired", "revoked"];

/** Every pack of the account, what is left of it, and, for a platform admin, what can be done with it. */
export function Component() {
  const { t } = useTranslation("packs");
  const scope = useScope();
  const { unit } = useAccount();
  const filters = useFilters(FILTERS);
  const [changing, setChanging] = useState<Pack | null>(null);
  const [revoking, setRevoking] = useState<Pack | null>(null);
  const status = STATUSES.find((one) => one === filters.one("status"));
  const pages = usePages(`packs ${status ?? ""}`);
  const packs = useList(reads.packs(scope, { status, cursor: pages.cursor, limit: 25 }));
  const admin = scope.kind === "admin";
  const columns = useMemo(() => {
    const actions = (pack: Pack) => (
      <PackActions pack={pack} onEdit={() => setChanging(pack)} onRevoke={() => setRevoking(pack)} />
    );
    return packColumns(t, unit, admin ? actions : null);
  }, [t, unit, admin]);

  return (
    <Page
      title={t("nav.packs")}
      lead={t("lead")}
      actions={
        admin && (
          <Button leftSection={<IconPlus size={18} aria-hidden />} onClick={() => filters.set({ grant: "1" })}>
            {t("grant.open")}
          </Button>
        )
      }
    >
      <Chip.Group value={status ?? ""} onChange={(chosen) => filters.set({ status: chosen })}>
        <Group gap="xs" role="radiogroup" aria-label={t("status_column")}>
          <Chip value="">{t("all")}</Chip>
          {STATUSES.map((one) => (
            <Chip key={one} value={one}>
              {t(`status.${one}`)}
            </Chip>
          ))}
        </Group>
      </Chip.Group>
      <DataTable
        caption={t("nav.packs")}
        columns={columns}
        query={packs}
        rowId={(pack) => pack.id}
        pages={pages}
        empty={
          <EmptyState title={t(status === undefined ? "empty" : "empty_status")}>
            {t(status !== undefined ? "empty_status_hint" : admin ? "empty_hint_admin" : "empty_hint")}
          </EmptyState>
        }
      />
      {scope.kind === "admin" && (
        <>
          {filters.one("grant") !== null && (
            <GrantModal accountId={scope.accountId} onClose={() => filters.set({ grant: null })} />
          )}
          {changing && <EditModal key={changing.id} pack={changing} onClose={() => setChanging(null)} />}
          {revoking && <RevokeModal pack={revoking} onClose={() => setRevoking(null)} />}
        </>
      )}
    </Page>
  );
}
