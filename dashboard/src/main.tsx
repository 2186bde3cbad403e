import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./app/app.css";
import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode, Suspense } from "react";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "react-router";
import { Dates } from "./app/Dates";
import { shareNonce, styleNonce } from "./app/nonce";
import { queries } from "./app/queries";
import { RefreshProvider } from "./app/refresh";
import { router } from "./app/router";
import { cssVariables, theme } from "./app/theme";
import { startWords } from "./app/words";
import { Waiting } from "./ui/Waiting";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root.");

shareNonce();
await startWords();
createRoot(root).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      defaultColorScheme="auto"
      colorSchemeManager={localStorageColorSchemeManager({ key: "farebox-color-scheme" })}
      getStyleNonce={styleNonce}
    >
      <Notifications position="top-right" />
      <QueryClientProvider client={queries}>
        <RefreshProvider>
          <Dates>
            <Suspense fallback={<Waiting />}>
              <RouterProvider router={router} />
            </Suspense>
          </Dates>
        </RefreshProvider>
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
