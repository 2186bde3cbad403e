import { Button, PasswordInput, Stack } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";
import { answered, client, holdSession } from "../../api/client";
import { ApiError } from "../../api/errors";
import { sessionRead } from "../../app/session";
import { reasonOf } from "../../ui/Failure";

/** One field: an API key, or the admin key. */
export function KeyForm() {
  const { t } = useTranslation("sign-in");
  const queries = useQueryClient();
  const [key, setKey] = useState("");
  const signIn = useMutation({
    mutationFn: (secret: string) => answered(client.POST("/api/v1/session", { body: { key: secret } })),
    onSuccess: (session) => {
      holdSession(session);
      queries.setQueryData(sessionRead.queryKey, session);
    },
  });

  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    signIn.mutate(key.trim());
  };
  const invalid = signIn.error instanceof ApiError && signIn.error.status === 401;
  const problem = signIn.error && (invalid ? t("invalid") : reasonOf(signIn.error, t));

  return (
    <form onSubmit={submit}>
      <Stack>
        <PasswordInput
          label={t("key")}
          description={t("key_hint")}
          placeholder="fbx_…"
          name="key"
          autoComplete="current-password"
          required
          value={key}
          onChange={(event) => setKey(event.currentTarget.value)}
          error={problem}
          aria-invalid={problem ? true : undefined} // Mantine says it of the frame alone, not of the field.
          visibilityToggleButtonProps={{ "aria-label": t("show"), tabIndex: 0 }}
        />
        <Button type="submit" loading={signIn.isPending} disabled={key.trim() === ""}>
          {t("submit")}
        </Button>
      </Stack>
    </form>
  );
}
