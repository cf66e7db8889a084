// Facts of the oracle, of defaults and of exits, of both sides. Not: the ledger, members' coverage, requests (facts.ts).
import { getAssetBalance } from '../../../../state/modules/assets/ledger.ts'
import { spendable } from '../fund.ts'
import type { Held } from '../institutions.ts'
import { coinsOf, compensationEscrow, FUND, unitsOf } from '../ledger.ts'
import { recordOf, seats, sideOf } from '../oracle.ts'
import { bondPriceOf, lockPriceOf, staleSince } from '../prices.ts'
import type { World } from '../world.ts'
import type { RealChain } from './realChain.ts'
import { ASSETS } from './scenario.ts'
import { nameOf, reporterWallets, walletOf } from './wallets.ts'

interface Info {
  readonly [name: string]: unknown
}

type Facts = Map<string, string>

const inWords = (value: unknown): string => (value === undefined || value === null ? 'none' : String(value))

const CASE_FACTS = [
  'cause',
  'declaredWindow',
  'auctionWindow',
  'stage',
  'cursor',
  'declaredBase',
  'burnedBase',
  'backingBurnedBase',
  'liabilityBase',
  'sharePpm',
  'chosenBase',
  'sharedBase',
  'paidBase',
  'novatedBase',
  'assumedBase',
  'orphanedBase',
] as const
const HELD_FACTS = ['estate', 'pool', 'aid'] as const
const heldText = (held: readonly Held[]): string =>
  held.map(({ asset, totalBase, leftBase }) => `${asset}: ${leftBase} of ${totalBase}`).join(', ')
const RECORD_FACTS = [
  'revealed',
  'notCommitted',
  'notRevealed',
  'mismatched',
  'malformed',
  'running',
] as const

export function addModelInstitutions(facts: Facts, world: World): void {
  for (const { id, slug, specOnly } of world.classes.values())
    facts.set(`class ${id}`, `${slug ?? `class-${id}`}, spec-only ${specOnly}`)
  facts.set('orphans', `${world.orphanBase}`)
  for (const asset of [0, ...ASSETS]) {
    facts.set(`fund ${asset}`, `${unitsOf(world, asset, FUND)}`)
    facts.set(`fund earmarked ${asset}`, `${unitsOf(world, asset, FUND) - spendable(world, asset)}`)
  }
  for (const provider of world.providers.values()) {
    const at = `provider ${provider.id}`
    const { cure, tail, compensation } = provider
    facts.set(`${at} assumed`, `${provider.assumedBase}`)
    facts.set(`${at} exempt`, `${provider.exemptBase}`)
    facts.set(`${at} compensation coins`, `${coinsOf(world, compensationEscrow(provider.id))}`)
    for (const asset of ASSETS) {
      facts.set(`${at} compensation ${asset}`, `${unitsOf(world, asset, compensationEscrow(provider.id))}`)
      facts.set(`${at} compensation recorded ${asset}`, `${compensation.assets.get(asset) ?? 0n}`)
    }
    facts.set(
      `${at} cure`,
      cure === undefined
        ? 'none'
        : `${cure.cause} until ${cure.untilWindow}, ${cure.shortfallBase}, ${cure.faultBase}, bond ${inWords(cure.bondUntilWindow)}`,
    )
    facts.set(`${at} unlocks`, inWords(tail?.untilWindow))
    facts.set(`${at} suspended windows`, `${provider.suspendedWindows.length}`)
    const offer = world.failures.novations.get(provider.id)
    facts.set(
      `${at} offers`,
      offer === undefined
        ? 'none'
        : `${offer.amountBase} to ${offer.to} for ${offer.paymentBase} of ${offer.asset}`,
    )
    const known = world.failures.cases.get(provider.id)
    if (known === undefined) continue
    for (const name of CASE_FACTS) facts.set(`default ${provider.id} ${name}`, `${known[name]}`)
    for (const name of HELD_FACTS) facts.set(`default ${provider.id} ${name}`, heldText(known[name]))
  }
  addModelOracle(facts, world)
}

function addModelOracle(facts: Facts, world: World): void {
  facts.set('anchor', `${world.anchorPpm}`)
  for (const asset of ASSETS) {
    facts.set(`price ${asset}`, `${world.prices.get(asset)}`)
    facts.set(`price ${asset} of bonds`, `${bondPriceOf(world, asset)}`)
    facts.set(`price ${asset} of locks`, `${lockPriceOf(world, asset)}`)
    facts.set(`price ${asset} renewed`, inWords(world.oracle.renewed.get(asset)))
    facts.set(`price ${asset} stale since`, inWords(staleSince(world, asset)))
  }
  facts.set('silent windows', `${world.oracle.reporters.size === 0 ? 0 : world.oracle.silence.windows}`)
  facts.set(
    'reporters',
    [...world.oracle.reporters.values()].map(({ id, account }) => `${id} ${account}`).join(),
  )
  for (const chamber of ['reporters', 'providers'] as const) {
    const { members, values } = sideOf(world, chamber, world.window)
    facts.set(`chamber of ${chamber}`, `${values.length} of ${members}`)
  }
  facts.set('last decision', inWords(world.oracle.decisions.get(world.window - 1)))
  for (const seat of seats(world)) {
    const record = recordOf(world, seat)
    const at = `record of ${seat.chamber} ${seat.member}`
    for (const name of RECORD_FACTS) facts.set(`${at} ${name}`, inWords(record?.[name]))
  }
}

export function addRealInstitutions(facts: Facts, real: RealChain, world: World): void {
  for (const { id, slug, specOnly } of real.query<readonly Info[]>('catalogue', 'classes'))
    facts.set(`class ${id}`, `${slug}, spec-only ${specOnly}`)
  const coverage = real.query<Info>('issuance', 'coverage')
  facts.set('orphans', inWords(coverage.orphanBase))
  for (const asset of [0, ...ASSETS]) {
    const fund = real.query<Info>('default', 'fundAsset', { asset })
    facts.set(`fund ${asset}`, inWords(fund.heldBase))
    facts.set(`fund earmarked ${asset}`, inWords(fund.earmarkedBase))
  }
  for (const provider of world.providers.keys()) addRealProvider(facts, real, provider)
  addRealOracle(facts, real, world)
}

function addRealProvider(facts: Facts, real: RealChain, provider: number): void {
  const at = `provider ${provider}`
  const liability = real.query<Info>('issuance', 'liability', { provider })
  facts.set(`${at} assumed`, inWords(liability.assumedBase))
  facts.set(`${at} exempt`, inWords(liability.exemptBase))
  const owner = real.compensationAddress(provider)
  facts.set(`${at} compensation coins`, `${real.coinsAt(owner)}`)
  for (const asset of ASSETS) {
    facts.set(`${at} compensation ${asset}`, `${getAssetBalance(real.full, { asset, owner })}`)
    facts.set(`${at} compensation recorded ${asset}`, `${real.compensationOf(provider, asset)}`)
  }
  const cure = real.query<Info | undefined>('issuance', 'cure', { provider })
  facts.set(
    `${at} cure`,
    cure === undefined
      ? 'none'
      : `${cure.cause} until ${cure.untilWindow}, ${cure.shortfallBase}, ${cure.faultBase}, bond ${inWords(cure.bondUntilWindow)}`,
  )
  facts.set(`${at} unlocks`, inWords(real.query<Info>('default', 'exitCost', { provider }).unlocksAtWindow))
  const status = real.query<Info>('default', 'status', { provider })
  facts.set(`${at} suspended windows`, inWords(status.suspendedWindows))
  const offer = real.query<Info | undefined>('default', 'novation', { from: provider })
  facts.set(
    `${at} offers`,
    offer === undefined
      ? 'none'
      : `${offer.amountBase} to ${offer.to} for ${offer.paymentBase} of ${offer.asset}`,
  )
  const known = real.query<Info | undefined>('default', 'case', { provider })
  if (known === undefined) return
  for (const name of CASE_FACTS) facts.set(`default ${provider} ${name}`, inWords(known[name]))
  for (const name of HELD_FACTS)
    facts.set(`default ${provider} ${name}`, heldText(known[name] as readonly Held[]))
}

function addRealOracle(facts: Facts, real: RealChain, world: World): void {
  const status = real.query<Info>('oracle', 'status')
  facts.set('anchor', inWords(status.anchor))
  for (const asset of ASSETS) {
    const price = (status.prices as readonly Info[]).find((each) => each.asset === asset)!
    facts.set(`price ${asset}`, inWords(price.priceBase))
    facts.set(`price ${asset} of bonds`, inWords(price.bondPriceBase))
    facts.set(`price ${asset} of locks`, inWords(price.lockPriceBase))
    facts.set(`price ${asset} renewed`, inWords(price.renewedWindow))
    facts.set(`price ${asset} stale since`, inWords(price.staleSince))
  }
  facts.set('silent windows', inWords(status.silentWindows))
  const nameOfAccount = new Map(reporterWallets.map((wallet) => [String(walletOf(wallet)), nameOf(wallet)]))
  const reporters = real.query<readonly Info[]>('oracle', 'reporters')
  facts.set(
    'reporters',
    reporters.map(({ id, account }) => `${id} ${nameOfAccount.get(String(account))}`).join(),
  )
  for (const chamber of ['reporters', 'providers'] as const) {
    const { revealed, members } = status[chamber] as Info
    facts.set(`chamber of ${chamber}`, `${revealed} of ${members}`)
  }
  const history = real.query<{ readonly results: readonly Info[] }>('oracle', 'history', {
    cursor: 0,
    limit: 1,
  })
  const last = history.results.find(({ windowIndex }) => windowIndex === world.window - 1)
  facts.set('last decision', inWords(last?.decision))
  for (const seat of seats(world)) {
    const record = real.query<Info | undefined>('oracle', 'record', seat)
    const at = `record of ${seat.chamber} ${seat.member}`
    for (const name of RECORD_FACTS) facts.set(`${at} ${name}`, inWords(record?.[name]))
  }
}
