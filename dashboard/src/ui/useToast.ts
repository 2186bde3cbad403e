import { notifications } from "@mantine/notifications";
import { useTranslation } from "react-i18next";
import { reasonOf } from "./Failure";

/** Short messages that go away: green when something was done, red when it was not. */
export function useToast() {
  const { t } = useTranslation();
  return {
    done: (message: string) => notifications.show({ message, color: "green" }),
    failed: (error: unknown) =>
      notifications.show({
        message: error instanceof Error ? reasonOf(error, t) : String(error),
        color: "red",
        autoClose: 10_000,
      }),
  };
}

/** For a change that a dialog makes: once it is made, this says so and closes the dialog. */
export function useDone(onClose: () => void) {
  const toast = useToast();
  return (message: string) => ({
    onSuccess: () => {
      toast.done(message);
      onClose();
    },
  });
}
