// Writes abi/*.ts from the module definitions: `npm run build && node dist/scripts/writeAbi.js`. Owns: the files alone.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { abiFiles } from '../state/abiExport.ts'
import { MODULE_SCHEMAS } from '../state/schemas.ts'

// From dist/node/ to the package root.
const folder = fileURLToPath(new URL('../../abi', import.meta.url))
mkdirSync(folder, { recursive: true })
for (const [name, text] of abiFiles(MODULE_SCHEMAS)) writeFileSync(join(folder, name), text)
