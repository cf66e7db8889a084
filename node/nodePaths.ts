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
    series: join(dataDir, 'series'),
    evidence: join(dataDir, 'evidence'),
    addresses: join(dataDir, 'addresses.json'),
  }
}

/** Where the owner of a running node talks to it (adminServer.ts). */
export const adminSocket = (dataDir: string): string => join(dataDir, 'admin.sock')
