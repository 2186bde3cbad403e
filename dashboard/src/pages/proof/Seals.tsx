import { Anchor, Button, Code, Stack } from "@mantine/core";
import { IconLockCheck } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { adminReads } from "../../api/adminReads";
import type { Schema } from "../../api/types";
import { useList } from "../../api/useRead";
import { useFormat } from "../../format/useFormat";
import { WhyNot } from "../../ui/Failure";
import { EmptyState } from "../../ui/EmptyState";
import { Section } from "../../ui/Section";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { Time } from "../../ui/Time";
import { usePages } from "../../ui/usePages";
import { Verified } from "./Verified";
import { useVerifySeals } from "./writes";

type Seal = Schema<"Seal">;

/** The chain of seals, newest first: the first one is its head. */
export function Seals() {
  const { t } = useTranslation("proof");
  const format = useFormat();
  const pages = usePages("seals");
  const seals = useList(adminReads.seals({ limit: 10, ...(pages.cursor ? { cursor: pages.cursor } : {}) }));
  const verify = useVerifySeals();
  const columns: Column<Seal>[] = [
    { id: "position", header: t("seals.position"), card: "title", cell: (seal) => format.number(seal.position) },
    { id: "at", header: t("seals.sealed"), card: "title", cell: (seal) => <Time at={seal.sealed_at} /> },
    {
      id: "account",
      header: t("account"),
      card: "line",
      cell: (seal) => (
        <Anchor component={Link} to={`/admin/accounts/${seal.account_id}/overview`} size="sm">
          {seal.account_id.slice(0, 13)}…
        </Anchor>
      ),
    },
    {
      id: "versions",
      header: t("seals.versions"),
      card: "line",
      cell: (seal) => `${format.number(seal.first_version)} – ${format.number(seal.last_version)}`,
    },
    {
      id: "entries",
      header: t("seals.entries"),
      align: "right",
      card: "line",
      cell: (seal) => format.number(seal.entries),
    },
    { id: "hash", header: t("seals.hash"), cell: (seal) => <Code title={seal.hash}>{seal.hash.slice(0, 16)}…</Code> },
  ];
  return (
    <Section
      title={t("seals.title")}
      actions={
        <Button
          size="xs"
          loading={verify.isPending}
          leftSection={<IconLockCheck size={16} aria-hidden />}
          onClick={() => verify.mutate(null)}
        >
          {t("seals.verify")}
        </Button>
      }
    >
      <Stack>
        {verify.error && <WhyNot error={verify.error} />}
        {verify.data && <Verified result={verify.data} />}
        <DataTable
          caption={t("seals.title")}
          columns={columns}
          query={seals}
          rowId={(row) => String(row.position)}
          pages={pages}
          empty={<EmptyState title={t("seals.none")}>{t("seals.none_hint")}</EmptyState>}
        />
      </Stack>
    </Section>
  );
}
