import { Skeleton, Stack } from "@mantine/core";

/** A page before it is there. It has no words: these may be what is waited for. */
export function Waiting({ lines = 6 }: { lines?: number }) {
  return (
    <Stack gap="md" p="md" aria-busy="true" data-testid="waiting">
      <Skeleton height={28} width="40%" />
      {Array.from({ length: lines }, (_, line) => (
        <Skeleton key={line} height={20} />
      ))}
    </Stack>
  );
}
