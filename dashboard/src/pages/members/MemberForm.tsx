import { Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import { FormModal } from "../../ui/FormModal";
import { useDone } from "../../ui/useToast";
import { useAddMember, useChangeMember } from "./writes";

type Member = Schema<"Member">;

/** Adds a member, or changes one; the user id is said once and never changed. */
export function MemberForm({ subject, onClose }: { subject: Member | null; onClose: () => void }) {
  const { t } = useTranslation("members");
  const done = useDone(onClose);
  const [form, setForm] = useState({
    userId: subject?.user_id ?? "",
    name: subject?.name ?? "",
    email: subject?.email ?? "",
    role: subject?.role ?? "member",
  });
  const add = useAddMember();
  const change = useChangeMember(form.userId);
  const write = subject === null ? add : change;
  const submit = () => {
    const email = form.email.trim() === "" ? null : form.email.trim();
    const given = { name: form.name.trim(), email, role: form.role };
    if (subject === null) add.mutate({ ...given, user_id: form.userId.trim() }, done(t("added")));
    else change.mutate(given, done(t("changed")));
  };
  return (
    <FormModal
      title={t(subject === null ? "add" : "edit")}
      onClose={onClose}
      submit={t(subject === null ? "add" : "save")}
      onSubmit={submit}
      pending={write.isPending}
      error={write.error}
    >
      <TextInput
        label={t("user_id")}
        description={t("user_id_hint")}
        required
        maxLength={128}
        disabled={subject !== null}
        value={form.userId}
        onChange={(event) => setForm({ ...form, userId: event.currentTarget.value })}
      />
      <TextInput
        label={t("name")}
        value={form.name}
        onChange={(event) => setForm({ ...form, name: event.currentTarget.value })}
      />
      <TextInput
        label={t("email")}
        type="email"
        value={form.email}
        onChange={(event) => setForm({ ...form, email: event.currentTarget.value })}
      />
      <Select
        label={t("role_label")}
        description={t("role_hint")}
        allowDeselect={false}
        data={[
          { value: "member", label: t("role.member") },
          { value: "admin", label: t("role.account_admin") },
        ]}
        value={form.role}
        onChange={(role) => setForm({ ...form, role: role === "admin" ? "admin" : "member" })}
      />
    </FormModal>
  );
}
