// ECONOMY §2, Pledge: lots, their attestation and notice; §6, Listing.
import { counts, lotGroupKey, lotGroups, numberGroup } from './capacity.ts'
import { providerOf } from './issuance.ts'
import { listingKey } from './matching.ts'
import { SERVICES, type Service, type World } from './world.ts'

const DEVICES_MAX = 1_000_000
/** Ten times par. */
const BONUS_MAX_PPM = 10_000_000n

export interface PledgeTerms {
  readonly classId: number
  readonly devices: number
  readonly deviceRoot: string
  readonly region: string
  readonly services: readonly Service[]
  readonly firstWindow: number
}

/** A pledge counts 0 and has no hours before its attestation. */
export function pledge(world: World, sender: string, terms: PledgeTerms): string | undefined {
  const provider = providerOf(world, sender)
  if (provider === undefined) return 'NotProvider'
  if (!counts(provider)) return 'ProviderNotServing'
  if (!world.classes.has(terms.classId)) return 'UnknownClass'
  if (terms.devices < 1 || terms.devices > DEVICES_MAX) return 'DevicesOutOfRange'
  if (!/^[a-z0-9](-?[a-z0-9])*$/.test(terms.region)) return 'MalformedRegion'
  if (terms.services.length === 0) return 'ServicesOutOfRange'
  const last = world.window + world.parameters.horizonWindows
  if (terms.firstWindow <= world.window || terms.firstWindow > last) return 'FirstWindowOutOfRange'
  const lots = [...world.lots.values()]
  if (lots.some((lot) => lot.deviceRoot === terms.deviceRoot)) return 'DevicesAlreadyPledged'
  const own = lots.filter((lot) => lot.provider === provider.id)
  if (own.length >= world.parameters.lotsPerProviderMax) return 'TooManyLots'
  const id = world.nextLot++
  const services = SERVICES.filter((service) => terms.services.includes(service))
  world.lots.set(id, { ...terms, services, id, provider: provider.id, auditHaircutPpm: 0n })
  return undefined
}

/** An audit, or governance: the lot counts from the next window on, not before its first. */
export function attest(world: World, lot: number): void {
  const found = world.lots.get(lot)
  if (found === undefined || found.countsFrom !== undefined) return
  found.countsFrom = world.window + 1
  numberGroup(world, found)
}

/** Evergreen: it ends K windows after notice; one that is not attested ends at once. */
export function giveNotice(world: World, sender: string, args: { readonly lot: number }): string | undefined {
  const provider = providerOf(world, sender)
  if (provider === undefined) return 'NotProvider'
  const lot = world.lots.get(args.lot)
  if (lot === undefined) return 'UnknownLot'
  if (lot.provider !== provider.id) return 'NotLotProvider'
  if (lot.lastWindow !== undefined) return 'NoticeAlreadyGiven'
  if (lot.countsFrom === undefined) world.lots.delete(lot.id)
  else lot.lastWindow = world.window + world.parameters.horizonWindows
  return undefined
}

/**
 * Lots past their last window leave, and their devices may be pledged again; groups without attested lots lose their number.
 * While a recount is under way: those of the groups that it has passed.
 */
export function endLots(world: World): void {
  const isCounted = (key: string): boolean =>
    world.recounting === undefined || world.recounting.has(world.groupNumbers.get(key) ?? 0)
  for (const lot of [...world.lots.values()])
    if (lot.lastWindow !== undefined && lot.lastWindow < world.window && isCounted(lotGroupKey(lot)))
      world.lots.delete(lot.id)
  const attested = [...world.lots.values()].filter((lot) => lot.countsFrom !== undefined).map(lotGroupKey)
  for (const key of [...world.groupNumbers.keys()])
    if (!attested.includes(key) && isCounted(key)) world.groupNumbers.delete(key)
}

export interface ListTerms {
  readonly service: Service
  readonly classId: number
  readonly region: string
  readonly bonusPpm: bigint
}

/** A new offer counts at once at par; a change of its bonus takes effect next window (§6, Listing). */
export function list(world: World, sender: string, terms: ListTerms): string | undefined {
  const provider = providerOf(world, sender)
  if (provider === undefined) return 'NotProvider'
  if (!world.classes.has(terms.classId)) return 'UnknownClass'
  const isPledged = lotGroups(world).some(
    (group) =>
      group.provider === provider.id &&
      group.classId === terms.classId &&
      group.region === terms.region &&
      group.services.includes(terms.service) &&
      group.lots.some((lot) => lot.countsFrom !== undefined),
  )
  if (terms.bonusPpm > BONUS_MAX_PPM) return 'BonusTooLarge'
  if (!isPledged) return 'NotPledged'
  const key = listingKey({ provider: provider.id, service: terms.service })
  const known = world.listings.get(key)
  if (known?.changedWindow === world.window) return 'ListedThisWindow'
  world.listings.set(key, {
    provider: provider.id,
    service: terms.service,
    classId: terms.classId,
    region: terms.region,
    bonusPpm: known === undefined ? 0n : known.bonusPpm,
    nextBonusPpm: terms.bonusPpm,
    nextWindow: world.window + 1,
    changedWindow: world.window,
  })
  return undefined
}

export function unlist(
  world: World,
  sender: string,
  args: { readonly service: Service },
): string | undefined {
  const provider = providerOf(world, sender)
  if (provider === undefined) return 'NotProvider'
  const key = listingKey({ provider: provider.id, service: args.service })
  const known = world.listings.get(key)
  if (known === undefined) return 'NotListed'
  if (known.changedWindow === world.window) return 'ListedThisWindow'
  world.listings.delete(key)
  return undefined
}
