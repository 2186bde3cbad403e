import { Button, Stack, Text } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Navigate } from "react-router";
import { reads } from "../../api/reads";
import { useScope } from "../../api/scope";
import type { Schema } from "../../api/types";
import { useList } from "../../api/useRead";
import { homeOf, useSession } from "../../app/session";
import { WordBadge } from "../../ui/badges";
import { EmptyState } from "../../ui/EmptyState";
import { Page } from "../../ui/Page";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { Time } from "../../ui/Time";
import { usePages } from "../../ui/usePages";
import { CreateKey } from "../keys/CreateKey";
import { LimitsModal } from "../keys/LimitsModal";
import { Deactivate, Reactivate } from "./Activity";
import { Allocate } from "./Allocate";
import { MemberForm } from "./MemberForm";
import { MemberMenu, type MemberAction } from "./MemberMenu";

type Member = Schema<"Member">;

export function Component() {
  const session = useSession();
  // A member sees nobody but themselves: there is no list to show.
  return session.role === "member" ? <Navigate to={homeOf(session)} replace /> : <Members />;
}

function Members() {
  // With the words of its dialogs: fetched when one opens, they would hide the page, and its focus, meanwhile.
  const { t } = useTranslation(["members", "keys"]);
  const scope = useScope();
  const pages = usePages("members");
  const members = useList(reads.members(scope, { cursor: pages.cursor, limit: 25 }));
  const [adding, setAdding] = useState(false);
  const [open, setOpen] = useState<{ action: MemberAction; subject: Member } | null>(null);
  const columns = useColumns((action, subject) => setOpen({ action, subject }));
  return (
    <Page
      title={t("nav.members")}
      lead={t(scope.kind === "admin" ? "lead_admin" : "lead")}
      actions={
        <Button leftSection={<IconPlus size={18} aria-hidden />} onClick={() => setAdding(true)}>
          {t("add")}
        </Button>
      }
    >
      <DataTable
        caption={t("nav.members")}
        columns={columns}
        query={members}
        rowId={(row) => row.id}
        pages={pages}
        empty={<EmptyState title={t("empty")}>{t("empty_hint")}</EmptyState>}
      />
      {adding && <MemberForm subject={null} onClose={() => setAdding(false)} />}
      {open && <Opened action={open.action} subject={open.subject} onClose={() => setOpen(null)} />}
    </Page>
  );
}

function useColumns(onAction: (action: MemberAction, subject: Member) => void): Column<Member>[] {
  const { t } = useTranslation("members");
  return [
    {
      id: "name",
      header: t("name"),
      card: "title",
      cell: (member) => (
        <Stack gap={0}>
          <Text fw={600}>{member.name === "" ? member.user_id : member.name}</Text>
          {member.name !== "" && (
            <Text size="sm" c="dimmed">
              {member.user_id}
            </Text>
          )}
        </Stack>
      ),
    },
    {
      id: "status",
      header: t("status_label"),
      card: "title",
      cell: (member) => (
        <WordBadge color={member.status === "active" ? "green" : "gray"}>
          {t(member.status === "active" ? "status.active" : "inactive")}
        </WordBadge>
      ),
    },
    {
      id: "role",
      header: t("role_label"),
      card: "line",
      cell: (member) => t(member.role === "admin" ? "role.account_admin" : "role.member"),
    },
    { id: "email", header: t("email"), cell: (member) => member.email ?? "–" },
    { id: "created", header: t("created"), cell: (member) => <Time at={member.created_at} day /> },
    {
      id: "actions",
      header: t("actions"),
      card: "line",
      cell: (member) => <MemberMenu subject={member} onAction={onAction} />,
    },
  ];
}

function Opened({ action, subject, onClose }: { action: MemberAction; subject: Member; onClose: () => void }) {
  const scope = useScope();
  switch (action) {
    case "edit":
      return <MemberForm subject={subject} onClose={onClose} />;
    case "limits":
      return (
        <LimitsModal of={{ scope: "member", subject: subject.user_id }} name={subject.user_id} onClose={onClose} />
      );
    case "key":
      return <CreateKey userId={subject.user_id} onClose={onClose} />;
    case "allocate":
      return scope.kind === "admin" ? (
        <Allocate accountId={scope.accountId} subject={subject} onClose={onClose} />
      ) : null;
    case "deactivate":
      return <Deactivate subject={subject} onClose={onClose} />;
    case "reactivate":
      return <Reactivate subject={subject} onClose={onClose} />;
  }
}
