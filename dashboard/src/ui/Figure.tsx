import { Card, SimpleGrid, Skeleton, Text } from "@mantine/core";
import type { ReactNode } from "react";

interface Props {
  label: string;
  children: ReactNode;
  /** A smaller line below: what the figure is of, or since when. */
  note?: ReactNode;
  color?: string;
}

/** One figure with its name; several of them belong into `Figures`. */
export function Figure({ label, children, note, color }: Props) {
  return (
    <Card withBorder padding={14} component="div">
      <Text component="dt" size="sm" c="dimmed">
        {label}
      </Text>
      <Text
        component="dd"
        m={0}
        fz={{ base: 20, xs: 26 }}
        fw={700}
        lh={1.25}
        c={color}
        style={{ overflowWrap: "anywhere" }}
      >
        {children}
      </Text>
      {note !== undefined && (
        <Text component="dd" m={0} size="sm" c="dimmed">
          {note}
        </Text>
      )}
    </Card>
  );
}

export function Figures({ children }: { children: ReactNode }) {
  return (
    <SimpleGrid component="dl" m={0} cols={{ base: 2, lg: 4 }} spacing={{ base: "xs", sm: "md" }}>
      {children}
    </SimpleGrid>
  );
}

export function FiguresWaiting({ count = 4 }: { count?: number }) {
  return (
    <SimpleGrid cols={{ base: 2, lg: 4 }} spacing="md" aria-busy="true">
      {Array.from({ length: count }, (_, index) => (
        <Skeleton key={index} height={104} radius="md" />
      ))}
    </SimpleGrid>
  );
}
