import { Group, Text } from "@mantine/core";

/** The farebox with its coin, and its name. */
export function Logo() {
  return (
    <Group gap={8} wrap="nowrap" component="span">
      <svg width="28" height="28" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
        <rect x="4" y="10" width="24" height="19" rx="4" fill="#0b7285" />
        <rect x="10" y="15" width="12" height="3" rx="1.5" fill="#e3fafc" />
        <circle cx="16" cy="7" r="5" fill="#f59f00" />
        <path d="M16 4.5v5M13.8 7h4.4" stroke="#fff" strokeWidth="1.4" strokeLinecap="round" />
        <rect x="10" y="22" width="12" height="2.5" rx="1.25" fill="#66d9e8" />
      </svg>
      <Text span fw={700} fz="lg" c="var(--mantine-color-text)">
        Farebox
      </Text>
    </Group>
  );
}
