// Holders: payments, redemptions, vouchers, purchases, receipts; and spammers who do the same as often as they can.
import { signHash } from '../../../../base/crypto/secp256k1.ts'
import { ZERO_ADDRESS, ZERO_HASH } from '../../../../base/ids.ts'
import { moduleAddress } from '../../../../base/moduleDefinition.ts'
import { ledger } from '../../../../state/ledger.ts'
import { receiptAsset } from '../../../../state/modules/assets/ledger.ts'
import { SERVICES } from '../../../../state/modules/catalogue/schema.ts'
import { REJECT_REASONS } from '../../../../state/modules/redemption/shapes.ts'
import { redemptionParams } from '../../../../state/modules/redemption/tables.ts'
import { digestOf } from '../../../../state/modules/redemption/vouchers.ts'
import { priceAt } from '../../../../state/modules/series/pricing.ts'
import { schemas } from '../../../../state/schemas.ts'
import { type Act, act, receipts, token, transfer } from '../act.ts'
import type { OpenAssignment, Scene } from '../scene.ts'
import { addressOf, HOLDERS, numberOf, OPERATORS_MAX, walletOf } from '../wallets.ts'
import { COIN, UNIT } from '../world.ts'

const CLIENT_KEY = new Uint8Array(33).fill(2)

export function request(from: number, amountBase: bigint, over: object = {}): Act {
  return act(from, 'redemption.request', {
    amountBase,
    service: 'infer',
    provider: 0,
    ratingMin: 0n,
    region: '',
    startBy: 0,
    finishBy: 0,
    jobHash: ZERO_HASH,
    clientKey: CLIENT_KEY,
    voucherKey: ZERO_ADDRESS,
    ...over,
  })
}

/** A voucher for what an assignment delivered, signed by one wallet and handed in by another. */
export function settle(
  scene: Scene,
  at: Pick<OpenAssignment, 'id' | 'assignment' | 'provider'>,
  voucher: { readonly deliveredBase: bigint; readonly signer: number; readonly from: number },
): Act {
  const { chainId, genesisHash } = scene.chain.chain
  const { id, assignment } = at
  const { deliveredBase, signer, from } = voucher
  const provider = scene.member(at.provider).operator
  const digest = digestOf({ chainId, genesisHash }, { id, assignment, provider, deliveredBase })
  const signature = signHash(digest, walletOf(signer).secretKey)
  return act(from, 'redemption.settle', { id, assignment, deliveredBase, signature })
}

function payments(scene: Scene): Act[] {
  const { random, chain } = scene
  const from = random.pick(HOLDERS)
  const to = random.pick([...HOLDERS, ...scene.ids.map((id) => scene.operator(id))])
  const roll = random.between(0, 5)
  if (roll === 0) return [transfer(from, addressOf(to), scene.near(chain.balanceOf(from) / 4n))]
  if (roll === 1)
    return random.chance(0.3)
      ? [transfer(from, moduleAddress(schemas.redemption), COIN)]
      : [act(from, 'assets.redeem', { asset: random.pick([1, 2]), amountBase: scene.near(10n * UNIT) })]
  if (roll === 2)
    return [
      token(from, random.pick([1, 2]), 'transfer', { to: addressOf(to), value: scene.near(100n * UNIT) }),
    ]
  if (roll === 3)
    return [token(from, 1, 'approve', { spender: addressOf(to), value: scene.near(50n * UNIT) })]
  if (roll === 4)
    return [
      token(to, 1, 'transferFrom', {
        from: addressOf(from),
        to: addressOf(to),
        value: scene.near(50n * UNIT),
      }),
    ]
  const first = random.chance(0.5)
    ? [
        transfer(from, addressOf(to), COIN / 10n),
        token(from, 1, 'transfer', { to: addressOf(to), value: UNIT }),
      ]
    : [request(from, COIN / 2n), request(from, scene.near(COIN / 100n))]
  const calls = first.map((each) => ({
    to: each.to,
    value: each.valueBase,
    data: each.data,
  }))
  return [act(from, 'accounts.batch', { calls: random.chance(0.5) ? calls : calls.slice(1) })]
}

function requests(scene: Scene): Act[] {
  const { random, chain, window } = scene
  const from = random.pick(HOLDERS)
  const { minimumBase } = redemptionParams.get(chain.full)
  const balance = chain.balanceOf(from)
  const amountBase = random.pick([
    scene.near(minimumBase),
    scene.near(balance),
    balance / BigInt(random.between(2, 40)),
    balance / BigInt(random.between(2, 40)),
    COIN * BigInt(random.between(1, 60)),
  ])
  const over = random.chance(0.45)
    ? {
        provider: random.chance(0.4) ? scene.someone() : 0,
        ratingMin: random.chance(0.3)
          ? random.pick([1n, 1_000_000n, 1_070_001n, 2_020_000n, 90_000_000n])
          : 0n,
        region: random.chance(0.2) ? random.pick(['local', 'far', 'nowhere']) : '',
        startBy: random.chance(0.2) ? scene.about(window + random.between(0, 3)) : 0,
        finishBy: random.chance(0.4) ? scene.about(window + random.pick([1, 2, 4, 12])) : 0,
      }
    : {}
  const voucherKey = random.chance(0.1) ? addressOf(random.pick(HOLDERS)) : ZERO_ADDRESS
  return [request(from, amountBase, { service: random.pick(SERVICES), voucherKey, ...over })]
}

function cancellations(scene: Scene): Act[] {
  const open = scene.redemptions()
  if (open.length === 0) return []
  const [id, { owner }] = scene.random.pick(open)
  const from = scene.random.chance(0.9) ? numberOf(owner)! : scene.random.pick(HOLDERS)
  return [act(from, 'redemption.cancel', { id: scene.random.chance(0.05) ? id + 1 : id })]
}

/** What clients do about what is delivered to them: sign for all, a part, nothing, or send it back. */
function vouchers(scene: Scene): Act[] {
  const { random, window } = scene
  return scene.assignments().flatMap((at): Act[] => {
    const isDue = at.window === window && at.isGranted
    if (!isDue && !random.chance(0.02)) return []
    const client = numberOf(at.owner)!
    const operator = scene.operator(at.provider)
    const roll = random.next()
    if (roll < 0.55) {
      const deliveredBase = random.pick([
        at.amountBase,
        at.amountBase,
        at.amountBase / 2n,
        at.amountBase - 1n,
        at.amountBase + 1n,
        at.voucheredBase,
      ])
      const signer = random.chance(0.95) ? client : operator
      return [settle(scene, at, { deliveredBase, signer, from: operator })]
    }
    if (roll > 0.93) {
      const { id, assignment } = at
      return [act(client, 'redemption.reject', { id, assignment, reason: random.pick(REJECT_REASONS) })]
    }
    return []
  })
}

function purchases(scene: Scene): Act[] {
  const { random } = scene
  const known = scene.series()
  if (known.length === 0) return []
  const [id, series] = random.pick(known)
  const from = random.pick([...HOLDERS, scene.operator(series.provider)])
  const left = series.capBase - series.soldBase
  const amountBase = random.pick([scene.near(left), left / 3n, COIN, scene.near(COIN / 100n)])
  const priceBase = priceAt(series, scene.window)
  const payMaxBase = random.chance(0.9) ? 10n ** 30n : (priceBase * amountBase) / COIN
  return [act(from, 'series.buy', { series: id, amountBase, payMaxBase })]
}

/** Holders of receipts hand some on, claim, or take their money back. */
function claims(scene: Scene): Act[] {
  const { random, chain } = scene
  const forward = scene.series().filter(([, { kind }]) => kind === 'forward')
  if (forward.length === 0) return []
  const [id] = random.pick(forward)
  const everybody = [...HOLDERS, ...Array.from({ length: OPERATORS_MAX }, (_, i) => i + 1)]
  const holders = everybody.filter(
    (number) => ledger.balanceOf(chain.full, { asset: receiptAsset(id), owner: addressOf(number) }) > 0n,
  )
  const from = holders.length > 0 && random.chance(0.9) ? random.pick(holders) : random.pick(HOLDERS)
  const heldBase = ledger.balanceOf(chain.full, { asset: receiptAsset(id), owner: addressOf(from) })
  const amountBase = scene.near(heldBase)
  const roll = random.next()
  if (roll < 0.4) return [act(from, 'series.claim', { series: id, amountBase })]
  if (roll < 0.6) return [act(from, 'series.refund', { series: id, amountBase })]
  return [receipts(from, id, 'transfer', { to: addressOf(random.pick(HOLDERS)), value: amountBase })]
}

/** As many small calls of one kind as a sender may have. */
function spam(scene: Scene): Act[] {
  const { random } = scene
  const from = random.pick(HOLDERS)
  const { minimumBase } = redemptionParams.get(scene.chain.full)
  return Array.from({ length: random.between(4, 12) }, () =>
    random.chance(0.5)
      ? request(from, minimumBase + BigInt(random.between(0, 3)), {
          finishBy: scene.window + random.between(1, 3),
        })
      : request(from, minimumBase),
  )
}

export function holderActs(scene: Scene): Act[] {
  const { random } = scene
  return [
    ...(random.chance(0.25) ? payments(scene) : []),
    ...(random.chance(0.5) ? requests(scene) : []),
    ...(random.chance(0.08) ? cancellations(scene) : []),
    ...vouchers(scene),
    ...(random.chance(0.3) ? purchases(scene) : []),
    ...(random.chance(0.2) ? claims(scene) : []),
    ...(random.chance(0.02) ? spam(scene) : []),
  ]
}
