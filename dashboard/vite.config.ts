import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Where `npm run dev` finds a gateway; the built app is served by the gateway itself.
const gateway = process.env.FAREBOX_DEV_GATEWAY ?? "http://127.0.0.1:8080";
const api = ["/api", "/admin/v1", "/v1", "/openapi.json", "/dashboard/user/token-management/balance"];

export default defineConfig({
  base: "/dashboard/",
  plugins: [react()],
  // The gateway puts a fresh nonce in this place with every answer; Mantine's own styles need it.
  html: { cspNonce: "__CSP_NONCE__" },
  build: {
    outDir: "../gateway/static",
    emptyOutDir: true,
    // A strict policy allows no data: URL for scripts and fonts, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: Object.fromEntries(api.map((path) => [path, { target: gateway, changeOrigin: false }])),
  },
  test: {
    environment: "jsdom",
    setupFiles: ["src/testing/setup.ts"],
    include: ["src/**/*.test.{ts,tsx}"],
    env: { TZ: "UTC" },
  },
});
