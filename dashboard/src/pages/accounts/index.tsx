import { Button, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconPlus, IconSearch } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { adminReads } from "../../api/adminReads";
import { ScopeContext, scopeOf } from "../../api/scope";
import { useList } from "../../api/useRead";
import { EmptyState } from "../../ui/EmptyState";
import { Page } from "../../ui/Page";
import { DataTable } from "../../ui/table/DataTable";
import { useFilters } from "../../ui/useFilters";
import { usePages } from "../../ui/usePages";
import { LimitsModal } from "../keys/LimitsModal";
import { AccountModal } from "./AccountModal";
import { useAccountColumns, type AccountAction } from "./columns";
import type { Account } from "./form";

const FILTERS = ["search"] as const;
const PAUSE_MS = 300; // Between two keys of somebody who types.

/** All accounts with their state at a glance. */
export function Component() {
  // With the words of its dialogs: fetched when one opens, they would hide the page, and its focus, meanwhile.
  const { t } = useTranslation(["accounts", "keys"]);
  const navigate = useNavigate();
  const filters = useFilters(FILTERS);
  const search = filters.one("search");
  const pages = usePages(search ?? "");
  const accounts = useList(
    adminReads.accounts({
      limit: 25,
      standing: "true",
      ...(search === null ? {} : { search }),
      ...(pages.cursor === undefined ? {} : { cursor: pages.cursor }),
    }),
  );
  const [open, setOpen] = useState<{ action: AccountAction; subject: Account } | { action: "create" } | null>(null);
  const close = () => setOpen(null);
  const columns = useAccountColumns((action, subject) => setOpen({ action, subject }));
  const look = useDebouncedCallback((text: string) => filters.set({ search: text.trim() }), PAUSE_MS);
  const create = (
    <Button leftSection={<IconPlus size={18} aria-hidden />} onClick={() => setOpen({ action: "create" })}>
      {t("create")}
    </Button>
  );
  return (
    <Page title={t("nav.accounts")} lead={t("lead")} actions={create}>
      <TextInput
        type="search"
        aria-label={t("search")}
        placeholder={t("search_hint")}
        leftSection={<IconSearch size={16} aria-hidden />}
        maw={420}
        maxLength={128}
        defaultValue={search ?? ""}
        onChange={(event) => look(event.currentTarget.value)}
      />
      <DataTable
        caption={t("nav.accounts")}
        columns={columns}
        query={accounts}
        rowId={(row) => row.id}
        pages={pages}
        onOpen={(row) => void navigate(`/admin/accounts/${row.id}/overview`)}
        openLabel={(row) => t("open", { name: row.name })}
        empty={
          search === null ? (
            <EmptyState title={t("empty")}>{t("empty_hint")}</EmptyState>
          ) : (
            <EmptyState title={t("none_found", { search })}>{t("none_found_hint")}</EmptyState>
          )
        }
      />
      {open?.action === "create" && <AccountModal subject={null} onClose={close} />}
      {open?.action === "edit" && <AccountModal subject={open.subject} onClose={close} />}
      {open?.action === "limits" && (
        <ScopeContext value={scopeOf(open.subject)}>
          <LimitsModal of={{ scope: "account" }} name={open.subject.name} onClose={close} />
        </ScopeContext>
      )}
    </Page>
  );
}
