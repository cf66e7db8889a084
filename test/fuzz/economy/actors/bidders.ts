// Bidders in the auctions of defaults: friends, strangers, bids that are never revealed, reveals that do not match.
import { u64be } from '../../../../base/bytes.ts'
import { sha256 } from '../../../../base/crypto/hash.ts'
import { bidCommitment, type SealedBid } from '../../../../base/protocol/sealedBid.ts'
import { getCase, openCases } from '../../../../state/modules/default/cases.ts'
import { getLiability } from '../../../../state/modules/issuance/ledger.ts'
import { type Act, act } from '../act.ts'
import type { Scene } from '../scene.ts'

const SALT = sha256(u64be(3))

export function bidderActs(scene: Scene): Act[] {
  const { random, chain, window, secrets } = scene
  return openCases(chain.full).flatMap((provider) => {
    if (getCase(chain.full, provider)?.auctionWindow !== window) return []
    return scene.ids.flatMap((bidder): Act[] => {
      const key = `bid ${bidder} ${provider}`
      const from = scene.operator(bidder)
      const known = secrets.get(key) as SealedBid | undefined
      if (known === undefined) {
        if (!random.chance(0.15)) return []
        const { liabilityBase } = getLiability(chain.full, provider)
        const amountBase = random.pick([scene.near(liabilityBase), liabilityBase / 3n, 0n, 10n ** 30n])
        const bid = {
          provider,
          bidder,
          amountBase,
          sharePpm: random.pick([0n, 300_000n, 1_000_000n, 1_000_001n]),
          salt: SALT,
        }
        secrets.set(key, bid)
        return [
          act(from, 'default.commitBid', {
            provider,
            commitment: bidCommitment(chain.chain.genesisHash, bid),
          }),
        ]
      }
      if (!random.chance(0.25)) return []
      const { amountBase, sharePpm } = known
      const changed = random.chance(0.1) ? 1n : 0n
      return [
        act(from, 'default.revealBid', { provider, amountBase: amountBase + changed, sharePpm, salt: SALT }),
      ]
    })
  })
}
