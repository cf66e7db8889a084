// The recorded chain's regular traffic: payments, requests, grants, vouchers, members that fail to deliver and resume.
// Owns: the unscheduled calls of each block. Run only by the recorder; its random draws come from one seed.
import { equalBytes, utf8 } from '../../base/bytes.ts'
import { signHash } from '../../base/crypto/secp256k1.ts'
import { currentWindow } from '../../state/modules/capacity/windows.ts'
import { suspendedSince } from '../../state/modules/providers/suspension.ts'
import { getRedemption, getTotals } from '../../state/modules/redemption/redemptions.ts'
import { redemptionTables } from '../../state/modules/redemption/tables.ts'
import { digestOf } from '../../state/modules/redemption/vouchers.ts'
import { schemas } from '../../state/schemas.ts'
import { Random } from '../support/random.ts'
import { accounts, act, operator, request } from './chainActors.ts'
import type { GoldenChain, Send, Wallet } from './goldenChain.ts'

const SEED = 20_260_101
const CENT = 10n ** 16n
const REQUEST_EVERY = 6
const CANCEL_EVERY = 20
/** Of so many redemptions one is returned by its client, twice: the second time is refused. */
const REJECT_EVERY = 13
const { redemption } = schemas
/** Grants nothing below this height, so that it is suspended and resumes. */
const LAZY = { provider: 2, untilHeight: 100 } as const

interface Open {
  readonly id: number
  readonly assignment: number
}

/** The account that asked for a redemption. */
function ownerOf(chain: GoldenChain, id: number): Wallet {
  const { owner } = getRedemption(chain.state, id)!
  return accounts.find(({ address }) => equalBytes(address, owner))!
}

export class Traffic {
  readonly #random = new Random(SEED)

  /** Calls for the block above `chain`. */
  next(chain: GoldenChain): readonly Send[] {
    return [
      ...this.#payments(),
      ...this.#requests(chain),
      ...this.#delivery(chain),
      ...this.#cancellations(chain),
      ...this.#resumptions(chain),
    ]
  }

  #payments(): Send[] {
    const random = this.#random
    return Array.from({ length: random.between(0, 2) }, () => ({
      from: random.pick(accounts),
      to: random.pick(accounts).address,
      valueBase: BigInt(random.between(1, 1_000_000)),
      gasLimit: 21_000,
    }))
  }

  #requests(chain: GoldenChain): Send[] {
    const random = this.#random
    if ((chain.height + 1) % REQUEST_EVERY !== 0) return []
    const amountBase = BigInt(random.between(1, 400)) * CENT
    const service = random.pick(['train', 'finetune', 'infer'])
    return [request(random.pick(accounts), amountBase, { service, provider: random.between(0, 3) })]
  }

  /** Grants at once, vouchers for half of the coins when the window runs and the rest a block later; some wrong or repeated. */
  #delivery(chain: GoldenChain): Send[] {
    const { state } = chain
    const window = currentWindow(state)
    return this.#open(chain).flatMap((at): Send[] => {
      const {
        provider,
        window: of,
        grantedAtMs,
        amountBase,
        voucheredBase,
      } = redemptionTables.assignment.mustGet(state, at)
      if (grantedAtMs === 0) {
        if (provider === LAZY.provider && chain.height < LAZY.untilHeight) return []
        return this.#grant(at, provider)
      }
      if (of !== window || voucheredBase === amountBase) return []
      // A few stay half delivered when their window ends.
      if (voucheredBase > 0n && at.id % 5 === 0) return []
      if (at.id % REJECT_EVERY === 0) return this.#reject(chain, at)
      const deliveredBase = voucheredBase > 0n ? amountBase : amountBase / 2n
      return this.#settle(chain, at, { provider, deliveredBase })
    })
  }

  #grant(at: Open, provider: number): Send[] {
    const args = { ...at, ciphertext: utf8(`access to ${at.id}/${at.assignment}`) }
    const stranger = operator(provider === 1 ? 2 : 1)
    const sends = [act(operator(provider), redemption, 'grant', args)]
    return at.id % 7 === 0 ? [act(stranger, redemption, 'grant', args), ...sends, ...sends] : sends
  }

  #reject(chain: GoldenChain, at: Open): Send[] {
    const rejection = act(ownerOf(chain, at.id), redemption, 'reject', { ...at, reason: 'unreachable' })
    return [rejection, rejection]
  }

  #settle(chain: GoldenChain, at: Open, voucher: { provider: number; deliveredBase: bigint }): Send[] {
    const { chainId, genesisHash } = chain.genesis.chain
    const client = ownerOf(chain, at.id)
    const provider = operator(voucher.provider)
    const { deliveredBase } = voucher
    const digest = digestOf({ chainId, genesisHash }, { ...at, provider: provider.address, deliveredBase })
    const settle = (secretKey: Uint8Array, over: object = {}): Send =>
      act(provider, redemption, 'settle', {
        ...at,
        deliveredBase,
        signature: signHash(digest, secretKey),
        ...over,
      })
    const good = settle(client.secretKey)
    if (at.id % 4 !== 0) return [good]
    return [settle(provider.secretKey), settle(client.secretKey, { signature: new Uint8Array(65) }), good]
  }

  #open(chain: GoldenChain): Open[] {
    const found: Open[] = []
    for (let id = 1; id < getTotals(chain.state).nextId; id++) {
      const known = getRedemption(chain.state, id)
      if (known === undefined || known.open.length === 0) continue
      for (let assignment = 1; assignment < known.nextAssignment; assignment++)
        if (redemptionTables.assignment.has(chain.state, { id, assignment })) found.push({ id, assignment })
    }
    return found
  }

  /** Whoever's request waits the longest takes it back. */
  #cancellations(chain: GoldenChain): Send[] {
    if ((chain.height + 1) % CANCEL_EVERY !== 0) return []
    for (let id = 1; id < getTotals(chain.state).nextId; id++) {
      const waits = (getRedemption(chain.state, id)?.queuedBase ?? 0n) > 0n
      if (waits) return [act(ownerOf(chain, id), redemption, 'cancel', { id })]
    }
    return []
  }

  /** Suspended members try at once and again in the next window; member 1 tries without being suspended. */
  #resumptions(chain: GoldenChain): Send[] {
    const { state, height } = chain
    const sends = height % 100 === 0 ? [act(operator(1), redemption, 'resume', {})] : []
    for (let provider = 1; provider <= 6; provider++) {
      const since = suspendedSince(state, provider)
      if (since === undefined || (currentWindow(state) === since && height % 10 !== 0)) continue
      sends.push(act(operator(provider), redemption, 'resume', {}))
    }
    return sends
  }
}
