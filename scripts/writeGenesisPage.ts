// Writes the tables of docs/genesis.md: `npm run docs:genesis`. Owns: the file alone.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { withTables } from './genesisPage.ts'

// From dist/scripts/ to the package root.
const file = fileURLToPath(new URL('../../docs/genesis.md', import.meta.url))
writeFileSync(file, withTables(readFileSync(file, 'utf8')))
