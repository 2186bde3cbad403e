import { Button, Group, Modal, Select, Stack, TextInput } from "@mantine/core";
import { useState, type SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import { WhyNot } from "../../ui/ConfirmModal";
import { useFocusBack } from "../../ui/useFocusBack";
import { useToast } from "../../ui/useToast";
import { useAddMember, useChangeMember } from "./writes";

type Member = Schema<"Member">;

/** Adds a member, or changes one; the user id is said once and never changed. */
export function MemberForm({ subject, onClose }: { subject: Member | null; onClose: () => void }) {
  const { t } = useTranslation("members");
  useFocusBack();
  const toast = useToast();
  const [form, setForm] = useState({
    userId: subject?.user_id ?? "",
    name: subject?.name ?? "",
    email: subject?.email ?? "",
    role: subject?.role ?? "member",
  });
  const add = useAddMember();
  const change = useChangeMember(form.userId);
  const write = subject === null ? add : change;
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    const onSuccess = () => {
      toast.done(t(subject === null ? "added" : "changed"));
      onClose();
    };
    const email = form.email.trim() === "" ? null : form.email.trim();
    const given = { name: form.name.trim(), email, role: form.role };
    if (subject === null) add.mutate({ ...given, user_id: form.userId.trim() }, { onSuccess });
    else change.mutate(given, { onSuccess });
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={t(subject === null ? "add" : "edit")}
      centered
      closeButtonProps={{ "aria-label": t("modal.close") }}
    >
      <form onSubmit={submit}>
        <Stack>
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
          {write.error && <WhyNot error={write.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t("modal.cancel")}
            </Button>
            <Button type="submit" loading={write.isPending}>
              {t(subject === null ? "add" : "save")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
