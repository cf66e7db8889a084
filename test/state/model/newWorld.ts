// A world before its first block: parameters, classes, members, lots. Owns: empty maps and how a fixture fills them.
import { numberGroup } from './capacity.ts'
import { bondEscrow, issueUnits, move } from './ledger.ts'
import { noSales } from './sales.ts'
import { takeSnapshot } from './windows.ts'
import { type Lot, type Parameters, type Provider, SERVICES, type Service, type World } from './world.ts'

const emptyInstitutions = (): Pick<World, 'oracle' | 'failures'> => ({
  oracle: {
    reporters: new Map(),
    nextReporter: 1,
    replaced: [],
    silence: { sinceWindow: 0, windows: 0 },
    reports: new Map(),
    sinceOf: new Map(),
    bondPrices: new Map(),
    lockPrices: new Map(),
    renewed: new Map(),
    decisions: new Map(),
  },
  failures: {
    cases: new Map(),
    novations: new Map(),
    earmarked: new Map(),
    recalled: [],
    isWatchDue: false,
    faults: [],
    endedHeight: 0,
    endedBefore: 0,
    hasAnchorMoved: false,
    haveParametersChanged: false,
    withdrawn: new Map(),
  },
})

export function emptyWorld(parameters: Parameters, genesisMs: number, anchorPpm: bigint): World {
  return {
    parameters: { ...parameters },
    height: 0,
    timestampMs: genesisMs,
    counted: { window: 0, anchorPpm, coverN: parameters.coverN },
    held: new Map(),
    recounting: undefined,
    window: 0,
    windowEndsMs: genesisMs + parameters.windowMs,
    windowStartedMs: genesisMs,
    anchorPpm,
    reportedAnchorPpm: anchorPpm,
    prices: new Map(),
    coins: new Map(),
    nonces: new Map(),
    supplyBase: 0n,
    assets: new Map(),
    units: new Map(),
    allowances: new Map(),
    classes: new Map(),
    providers: new Map(),
    validators: [],
    lots: new Map(),
    nextLot: 1,
    groupNumbers: new Map(),
    nextGroup: 1,
    listings: new Map(),
    locks: [],
    floors: [],
    pools: new Map(),
    market: { nextOrder: 1, orders: new Map(), waiting: [], bids: [], asks: [], traded: 0 },
    sales: noSales(),
    requests: new Map(),
    nextRequest: 1,
    pending: [],
    drawnInBlock: 0,
    places: [],
    returned: new Set(),
    returnedPlaces: new Set(),
    assignments: [],
    nextSequence: 1,
    handedIn: [],
    numberedMs: new Map(),
    shares: new Map(),
    toleratedCoins: new Map(),
    failedCoins: new Map(),
    baseFees: { general: 1n, redemption: 1n, service: 1n, proof: 1n },
    laneGas: { general: 0, redemption: 0, service: 0, proof: 0 },
    proposals: new Map(),
    nextProposal: 1,
    orphanBase: 0n,
    ...emptyInstitutions(),
  }
}

export function addProvider(
  world: World,
  provider: { readonly id: number; readonly operator: string; readonly legalGroup: string },
): Provider {
  const made: Provider = {
    ...provider,
    status: 'active',
    statusBeforeJail: 'active',
    removed: false,
    liabilityBase: 0n,
    bonds: new Map(),
    faultWindows: [],
    suspendedWindows: [],
    assumedBase: 0n,
    exemptBase: 0n,
    compensation: { forBase: 0n, assets: new Map() },
    absences: [],
    unpaidBase: 0n,
    isFrozen: false,
    faultHeight: 0,
  }
  world.providers.set(provider.id, made)
  return made
}

/** Units issued straight into a bond. */
export function addBond(world: World, provider: Provider, asset: number, amountBase: bigint): void {
  const { issuer } = world.assets.get(asset)!
  issueUnits(world, issuer, { asset, to: provider.operator, amountBase })
  move(world, asset, provider.operator, bondEscrow(provider.id), amountBase)
  provider.bonds.set(asset, (provider.bonds.get(asset) ?? 0n) + amountBase)
}

/** A lot that counts from `countsFrom` on. */
export function addLot(
  world: World,
  lot: {
    readonly provider: number
    readonly classId: number
    readonly devices: number
    readonly region: string
    readonly services?: readonly Service[]
    readonly countsFrom: number
  },
): Lot {
  const id = world.nextLot++
  const made: Lot = {
    services: SERVICES,
    ...lot,
    id,
    deviceRoot: `devices of lot ${id}`,
    firstWindow: lot.countsFrom,
    auditHaircutPpm: 0n,
  }
  world.lots.set(id, made)
  numberGroup(world, made)
  return made
}

/** To be called when genesis is complete: the first window's snapshot. */
export const begin = (world: World): void => takeSnapshot(world)
