// The devnet's genesis document for tests, without node/.
import { bls } from '../../base/crypto/bls.ts'
import { developmentAccounts, developmentValidator } from '../../genesis/devKeys.ts'
import { devnetGenesis } from '../../genesis/devnet.ts'
import type { Genesis } from '../../genesis/schema.ts'
import { peerIdBytesFromSeed } from '../../p2p/identity.ts'

/** Genesis of a devnet with `count` validators and the published development keys. */
export function genesisOf(count = 4): Genesis {
  const members = Array.from({ length: count }, (_, i) => {
    const { operator, consensusSecret, peerSeed } = developmentValidator(i)
    return {
      operator: operator.address,
      consensusKey: bls.publicKey(consensusSecret),
      possessionProof: bls.prove(consensusSecret),
      peerId: peerIdBytesFromSeed(peerSeed),
    }
  })
  return devnetGenesis({
    members,
    accounts: developmentAccounts().map((account) => account.address),
    assetIssuer: developmentValidator(99).operator.address,
    minBlockIntervalMs: 200,
  })
}
