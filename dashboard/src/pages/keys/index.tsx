import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useScope } from "../../api/scope";
import { useList } from "../../api/useRead";
import { useSession } from "../../app/session";
import { EmptyState } from "../../ui/EmptyState";
import { Page } from "../../ui/Page";
import { DataTable } from "../../ui/table/DataTable";
import { usePages } from "../../ui/usePages";
import { useKeyColumns } from "./columns";
import { CreateKey } from "./CreateKey";
import { EditKey } from "./EditKey";
import type { Key } from "./form";
import type { KeyAction } from "./KeyMenu";
import { LimitsModal } from "./LimitsModal";
import { RevokeKey } from "./RevokeKey";
import { RotateKey } from "./RotateKey";

export function Component() {
  const { t } = useTranslation("keys");
  const scope = useScope();
  const { role } = useSession();
  const mayCreate = role !== "member";
  const pages = usePages("keys");
  const keys = useList(reads.keys(scope, { cursor: pages.cursor, limit: 25 }));
  const [creating, setCreating] = useState(false);
  const [open, setOpen] = useState<{ action: KeyAction; subject: Key } | null>(null);
  const columns = useKeyColumns((action, subject) => setOpen({ action, subject }));
  const create = (
    <Button leftSection={<IconPlus size={18} aria-hidden />} onClick={() => setCreating(true)}>
      {t("create")}
    </Button>
  );
  return (
    <Page title={t("nav.keys")} lead={t(mayCreate ? "lead" : "lead_member")} actions={mayCreate && create}>
      <DataTable
        caption={t("nav.keys")}
        columns={columns}
        query={keys}
        rowId={(row) => row.id}
        pages={pages}
        empty={<EmptyState title={t("empty")}>{t(mayCreate ? "empty_hint" : "empty_member")}</EmptyState>}
      />
      {creating && <CreateKey onClose={() => setCreating(false)} />}
      {open && <Opened action={open.action} subject={open.subject} onClose={() => setOpen(null)} />}
    </Page>
  );
}

function Opened({ action, subject, onClose }: { action: KeyAction; subject: Key; onClose: () => void }) {
  const name = subject.name === "" ? subject.prefix : subject.name;
  switch (action) {
    case "edit":
      return <EditKey subject={subject} onClose={onClose} />;
    case "limits":
      return <LimitsModal of={{ scope: "key", subject: subject.id }} name={name} onClose={onClose} />;
    case "rotate":
      return <RotateKey subject={subject} onClose={onClose} />;
    case "revoke":
      return <RevokeKey subject={subject} onClose={onClose} />;
  }
}
