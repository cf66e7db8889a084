// Governance: proposals of every kind, possible and not, and votes by mood.
import { developmentAccounts } from '../../../../genesis/devKeys.ts'
import { getLot, lotIdsOf } from '../../../../state/modules/capacity/lots.ts'
import { openProposals } from '../../../../state/modules/governance/proposals.ts'
import { governanceTables } from '../../../../state/modules/governance/tables.ts'
import { getReporters } from '../../../../state/modules/oracle/reporters.ts'
import { readParameters } from '../../../../state/parameters.ts'
import { MODULES } from '../../../../state/registry.ts'
import type { schemas } from '../../../../state/schemas.ts'
import { admissionOf } from '../../../support/memberChain.ts'
import { type Act, act } from '../act.ts'
import type { Scene } from '../scene.ts'
import { addressOf, HOLDERS, OPERATORS_MAX, REPORTERS } from '../wallets.ts'
import { COIN, UNIT } from '../world.ts'

type Args = { readonly [name: string]: unknown }

/** Parameters that change while the chain runs, and by how much they may move. */
const MOVABLE: readonly (readonly [module: keyof typeof schemas, parameter: string])[] = [
  ['issuance', 'marginPpm'],
  ['issuance', 'bondPpm'],
  ['issuance', 'bondMaintenancePpm'],
  ['issuance', 'retainPpm'],
  ['issuance', 'lockFloorPpm'],
  ['issuance', 'frontLoadPpm'],
  ['issuance', 'cureWindows'],
  ['capacity', 'minClassPpm'],
  ['capacity', 'availabilityHaircutPpm'],
  ['capacity', 'recountStepsMax'],
  ['capacity', 'coverN'],
  ['catalogue', 'specOnlyPpm'],
  ['oracle', 'driftPpm'],
  ['oracle', 'priceFreshWindows'],
  ['oracle', 'tolerancePpm'],
  ['redemption', 'minimumBase'],
  ['redemption', 'tailWindows'],
  ['redemption', 'openRequestsMax'],
  ['redemption', 'noShowPpm'],
  ['redemption', 'stepsPerBlockMax'],
  ['series', 'seriesPenaltyPpm'],
  ['series', 'waitingMax'],
  ['default', 'fundTargetPpm'],
  ['default', 'bidDepositPpm'],
  ['providers', 'epochBlocksMax'],
]

function parameterChange(scene: Scene): Args {
  const { random, chain } = scene
  const [module, parameter] = random.pick(MOVABLE)
  const sections = readParameters(chain.full, MODULES, 1) as unknown as Record<
    string,
    Record<string, bigint | number>
  >
  const now = BigInt(sections[module]![parameter]!)
  const value = random.pick([(now * 9n) / 10n, (now * 11n) / 10n, now + 1n, now > 0n ? now - 1n : 0n])
  return { module, parameter, value }
}

function admission(scene: Scene): Args {
  const { random } = scene
  const id = random.between(5, OPERATORS_MAX)
  const proposed = admissionOf(id)
  if (random.chance(0.15))
    return { ...proposed, operator: addressOf(random.pick([...REPORTERS, ...HOLDERS])) }
  return random.chance(0.2)
    ? { ...proposed, legalGroup: scene.member(random.pick(scene.ids)).profile.legalGroup }
    : proposed
}

function reporterChange(scene: Scene): Args {
  const { random, chain } = scene
  const { ids } = getReporters(chain.full)
  const dismiss = ids.length > 0 && random.chance(0.6) ? [random.pick(ids)] : []
  const count = ids.length === 0 ? 4 : random.between(0, 1)
  const appoint = Array.from({ length: count }, (_, i) => {
    const number = random.chance(0.85) ? REPORTERS[(i + random.between(0, 5)) % 6]! : random.pick([1, 7, 8])
    return { account: addressOf(number), name: `Reporter ${number} ${random.between(1, 9)}` }
  })
  return { appoint, dismiss }
}

function attestation(scene: Scene): Args {
  const { random, chain, window } = scene
  const lots = scene.ids.flatMap((id) => lotIdsOf(chain.full, id))
  const pending = lots.filter((lot) => getLot(chain.full, lot)?.status === 'pending')
  const lot = random.pick(pending.length > 0 ? pending : lots.length > 0 ? lots : [1])
  return { lot, lastWindow: scene.about(window + random.pick([2, 5, 12])) }
}

function proposal(scene: Scene, from: number): Act {
  const { random } = scene
  const provider = scene.someone()
  const kind = random.between(0, 12)
  if (kind === 0) return act(from, 'governance.proposeAdmission', admission(scene))
  if (kind === 1) return act(from, 'governance.proposeRemoval', { provider })
  if (kind === 2) return act(from, 'governance.proposeJail', { provider })
  if (kind <= 4) {
    const jailed = scene.ids.filter((id) => scene.member(id).status === 'jailed')
    return act(from, 'governance.proposeUnjail', {
      provider: jailed.length > 0 ? random.pick(jailed) : provider,
    })
  }
  if (kind <= 6) {
    const changes = Array.from({ length: random.between(1, 2) }, () => parameterChange(scene))
    return act(from, 'governance.proposeParameters', { changes })
  }
  if (kind === 7) return act(from, 'governance.proposeReporters', reporterChange(scene))
  if (kind === 8) {
    const asset = random.pick([0, 1, 2])
    const to = addressOf(random.pick(HOLDERS))
    return act(from, 'governance.proposeSpending', {
      asset,
      to,
      amountBase: scene.near(asset === 0 ? COIN : UNIT),
    })
  }
  if (kind === 9) return act(from, 'governance.proposeResumeMinting')
  return act(from, 'governance.proposeAttestation', attestation(scene))
}

export function voterActs(scene: Scene): Act[] {
  const { random, chain } = scene
  const acts: Act[] = []
  if (random.chance(0.12)) {
    const from = random.chance(0.95) ? scene.operator(random.pick(scene.ids)) : random.pick(HOLDERS)
    acts.push(proposal(scene, from))
  }
  for (const { id, proposer } of openProposals(chain.full).proposals) {
    const votes = governanceTables.votes.get(chain.full, { id })
    const kind = governanceTables.proposal.get(chain.full, { id })?.kind
    // Members are seldom jailed or removed, or nobody would be left.
    const likes = kind === 'jail' || kind === 'remove' ? 0.35 : 0.85
    const isLiked = (id * 7919 + developmentAccounts().length) % 100 < likes * 100
    for (const voter of scene.ids) {
      if (votes?.approve.includes(voter) === true || !random.chance(isLiked ? 0.2 : 0.02)) continue
      acts.push(act(scene.operator(voter), 'governance.vote', { proposal: id, approve: random.chance(0.95) }))
    }
    if (random.chance(0.01))
      acts.push(act(scene.operator(proposer), 'governance.withdrawProposal', { proposal: id }))
  }
  return acts
}
