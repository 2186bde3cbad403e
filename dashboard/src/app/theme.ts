import { createTheme, Modal, type CSSVariablesResolver } from "@mantine/core";

export const theme = createTheme({
  primaryColor: "cyan",
  // Shades whose text on white, and whose white text, have a contrast of 4.5 at least.
  primaryShade: 9,
  autoContrast: true,
  luminanceThreshold: 0.36,
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
  // A dialog's <header> would count as a second banner of the page.
  components: {
    ModalHeader: Modal.Header.extend({ defaultProps: { role: "presentation" } }),
    // "11/12/2026" is another day in another country.
    DateInput: { defaultProps: { valueFormat: "YYYY-MM-DD" } },
    DateTimePicker: { defaultProps: { valueFormat: "YYYY-MM-DD HH:mm" } },
  },
  headings: { fontFamily: "inherit", fontWeight: "650" },
});

// Mantine's own dimmed text is too pale for WCAG 2.2 AA on a light page.
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: { "--mantine-color-dimmed": "#55606b", "--mantine-color-body": "#fbfcfd" },
  dark: { "--mantine-color-dimmed": "#a9b0b7" },
});
