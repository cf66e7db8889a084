// Paths in a data directory.
import { join } from 'node:path'

export function nodePaths(dataDir: string) {
  return {
    chain: join(dataDir, 'chain'),
    journal: join(dataDir, 'journal'),
    signer: join(dataDir, 'signer'),
    recovery: join(dataDir, 'recovery'),
    snapshots: join(dataDir, 'snapshots'),
    accountIndex: join(dataDir, 'accounts'),
    evidence: join(dataDir, 'evidence'),
    addresses: join(dataDir, 'addresses.json'),
  }
}
