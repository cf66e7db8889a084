// Writes the tables of docs/genesis.md and of its twin: `npm run docs:genesis`. Owns: the files alone.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { withTables } from './genesisPage.ts'

for (const name of ['genesis.md', 'genesis.zh-Hant.md']) {
  // From dist/scripts/ to the package root.
  const file = fileURLToPath(new URL(`../../docs/${name}`, import.meta.url))
  writeFileSync(file, withTables(readFileSync(file, 'utf8')))
}
