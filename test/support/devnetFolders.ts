// Folders of a devnet with the usual genesis, for tests that start nodes by themselves.
import { type DevnetSettings, prepareDevnet } from '../../devnet/directories.ts'
import { developmentGenesis, type GenesisOptions } from '../../devnet/genesisOptions.ts'
import type { DevnetMember } from '../../devnet/member.ts'
import type { Genesis } from '../../genesis/schema.ts'

export type FolderOptions = GenesisOptions & Omit<DevnetSettings, 'genesis'>

export function prepareFolders(options: FolderOptions, members: readonly DevnetMember[]): Genesis {
  const genesis = developmentGenesis(options)
  prepareDevnet({ ...options, genesis }, members)
  return genesis
}
