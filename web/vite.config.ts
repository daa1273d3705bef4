// Build settings: hashed files in assets/, nothing inlined (the CSP forbids it), and a development
// proxy to a running server.
import { defineConfig } from "vite";

const server = process.env["SWITCHBOARD_URL"] ?? "http://127.0.0.1:3000";

export default defineConfig({
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: {
    proxy: {
      "/api": server,
      "/socket.io": { target: server, ws: true },
    },
  },
});
