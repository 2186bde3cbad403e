import { Button, Group, Stack } from "@mantine/core";
import type { ReactNode, SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";
import { Dialog } from "./Dialog";
import { WhyNot } from "./Failure";

interface Props {
  title: string;
  size?: "lg";
  onClose: () => void;
  /** The fields. */
  children: ReactNode;
  /** What the button that sends the form says. */
  submit: string;
  onSubmit: () => void;
  disabled?: boolean;
  pending?: boolean;
  error?: Error | null;
  /** What else can be done, before the usual buttons. */
  aside?: ReactNode;
}

/** A form over the page: its fields, why it was refused if it was, and the way out. */
export function FormModal({
  title,
  size,
  onClose,
  children,
  submit,
  onSubmit,
  disabled,
  pending,
  error,
  aside,
}: Props) {
  const { t } = useTranslation();
  const send = (event: SyntheticEvent) => {
    event.preventDefault();
    onSubmit();
  };
  return (
    <Dialog opened onClose={onClose} title={title} size={size}>
      <form onSubmit={send}>
        <Stack>
          {children}
          {error && <WhyNot error={error} />}
          <Group justify="flex-end">
            {aside}
            <Button variant="default" onClick={onClose}>
              {t("modal.cancel")}
            </Button>
            <Button type="submit" loading={pending} disabled={disabled}>
              {submit}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
