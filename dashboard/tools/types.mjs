// Writes src/api/schema.d.ts from the gateway's own description of its API. No server is needed: the document is made
// from the routes. Another interpreter than ../.venv's is named by $PYTHON.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PRINT = `
from aiohttp import web
from gateway.openapi.serving import DOCUMENT
from gateway.routes import add_routes
app = web.Application()
add_routes(app)
print(app[DOCUMENT].decode())
`;

const python = process.env.PYTHON ?? "../.venv/bin/python";
const target = process.argv[2] ?? "src/api/schema.d.ts";
const folder = mkdtempSync(join(tmpdir(), "farebox-types-"));
try {
  const file = join(folder, "openapi.json");
  writeFileSync(file, execFileSync(python, ["-c", PRINT], { maxBuffer: 64 * 1024 * 1024 }));
  execFileSync(
    process.execPath, // not npx: the Node that the gateway's build fetches has none that works
    [
      "node_modules/openapi-typescript/bin/cli.js",
      file,
      "--output",
      target,
      "--alphabetize",
      "--default-non-nullable",
      "false",
    ],
    {
      stdio: "inherit",
    },
  );
} finally {
  rmSync(folder, { recursive: true });
}
