// Backers: holders and members that put coins behind members, leave, and claim; members that set their share.
import { schemas } from '../../../../state/schemas.ts'
import { type Act, act } from '../act.ts'
import type { Scene } from '../scene.ts'
import { addressOf, HOLDERS, OPERATORS_MAX } from '../wallets.ts'
import { COIN } from '../world.ts'

interface Position {
  readonly provider: number
  readonly backedBase: bigint
  readonly unbondings: readonly { readonly atRisk: boolean }[]
  readonly claimable: readonly object[]
}

const BACKERS: readonly number[] = [...HOLDERS, ...Array.from({ length: OPERATORS_MAX }, (_, i) => i + 1)]

function positionsOf(scene: Scene, backer: number): readonly Position[] {
  return scene.chain.query<readonly Position[]>(schemas.backing.name, 'positions', {
    account: addressOf(backer),
  })
}

export function backerActs(scene: Scene): Act[] {
  const { random, chain } = scene
  if (!random.chance(0.4)) return []
  const from = random.pick(BACKERS)
  const provider = scene.someone()
  const roll = random.next()
  if (roll < 0.2)
    return [act(from, 'backing.setShare', { sharePpm: BigInt(random.between(0, 5)) * 200_000n })]
  if (roll < 0.6) {
    const amountBase = random.pick([COIN, scene.near(COIN / 100n), chain.balanceOf(from) / 8n])
    return [act(from, 'backing.back', { provider, amountBase })]
  }
  const [known] = random.shuffled(positionsOf(scene, from))
  const at = known ?? { provider, backedBase: COIN }
  if (roll < 0.8)
    return [act(from, 'backing.unback', { provider: at.provider, amountBase: scene.near(at.backedBase) })]
  if (roll < 0.9) {
    const amountBase = random.pick([COIN, scene.near(at.backedBase)])
    return [act(from, 'backing.redelegate', { provider: at.provider, to: provider, amountBase })]
  }
  return [act(from, 'backing.claim', { provider: at.provider })]
}

/** Everybody leaves, and takes what is free and earned. */
export function leavingBackers(scene: Scene): Act[] {
  return BACKERS.flatMap((from) =>
    positionsOf(scene, from).flatMap(({ provider, backedBase, unbondings, claimable }) => [
      ...(backedBase > 0n ? [act(from, 'backing.unback', { provider, amountBase: backedBase })] : []),
      ...(claimable.length > 0 || unbondings.some(({ atRisk }) => !atRisk)
        ? [act(from, 'backing.claim', { provider })]
        : []),
    ]),
  )
}
