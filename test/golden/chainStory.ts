// The script of the recorded chain: every action of every module at a set height, with refusals of each kind.
// Owns: the schedule. Not: who acts (chainActors.ts), delivery of redemptions and traffic (chainTraffic.ts). Run only by the recorder.
import { mustExist } from '../../base/assert.ts'
import { utf8 } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { signHash } from '../../base/crypto/secp256k1.ts'
import { moduleAddress } from '../../base/moduleDefinition.ts'
import { evidenceSchema, voteAsCertificate } from '../../base/protocol/evidence.ts'
import { bidCommitment } from '../../base/protocol/sealedBid.ts'
import { type Subject, voteBytes } from '../../base/protocol/vote.ts'
import { selectorOf } from '../../base/selector.ts'
import { signedActionDigest } from '../../base/signedAction.ts'
import { DEVNET_ASSET_ID } from '../../genesis/devnet.ts'
import { peerIdBytesFromSeed } from '../../p2p/identity.ts'
import { nextLotId } from '../../state/modules/capacity/lots.ts'
import { currentWindow, getClock } from '../../state/modules/capacity/windows.ts'
import { getCase, openCases } from '../../state/modules/default/cases.ts'
import { defaultTables } from '../../state/modules/default/tables.ts'
import { openProposals } from '../../state/modules/governance/proposals.ts'
import { getProvider } from '../../state/modules/providers/members.ts'
import { isGroupSuspended } from '../../state/modules/providers/suspension.ts'
import { validatorSet } from '../../state/modules/providers/validatorSet.ts'
import { getSeries } from '../../state/modules/series/books.ts'
import { schemas } from '../../state/schemas.ts'
import {
  accounts,
  act,
  COIN,
  issuer,
  keys,
  keysOf,
  NEW_CLASS,
  NEWCOMER,
  operator,
  RERATED,
  request,
  rotatedSecret,
  storyGenesis,
  token,
  UNIT,
} from './chainActors.ts'
import { BACKERS } from './chainBackers.ts'
import { trading } from './chainMarket.ts'
import { proposals, refused, reports, type Voices } from './chainReports.ts'
import { callData, type GoldenChain, type Send, type Wallet } from './goldenChain.ts'

const list = (id: number, over: object = {}): Send =>
  act(operator(id), schemas.redemption, 'list', {
    service: 'infer',
    classId: id <= 4 ? classOf(id) : 1,
    region: 'local',
    endpoint: `https://member-${id}.example`,
    bonusPpm: 0n,
    runtimeHash: sha256(utf8('runtime')),
    tariffHash: sha256(utf8('tariff')),
    ...over,
  })

let classSlugs: readonly string[] | undefined
/** Class ids follow the catalogue's order. */
function classOf(id: number): number {
  const genesis = storyGenesis()
  classSlugs ??= genesis.classes.map(({ slug }) => slug)
  return classSlugs.indexOf(genesis.providers[id - 1]!.lots[0]!.class) + 1
}

const profile = (name: string, legalGroup: string) => ({
  legalName: name,
  legalGroup,
  jurisdiction: 'TW',
  url: 'https://golden.example',
  termsHash: sha256(utf8(`terms of ${name}`)),
})

const pledge = (id: number, over: object = {}): Send =>
  act(operator(id), schemas.capacity, 'pledge', {
    classId: 1,
    devices: 16,
    deviceRoot: sha256(utf8(`more devices of ${id}`)),
    region: 'local',
    services: 7,
    firstWindow: 3,
    ...over,
  })

/** Everyone in the running set except the proposer votes on the newest proposal. */
function votes(chain: GoldenChain, proposer: number, approve = true): Send[] {
  const proposal = openProposals(chain.state).nextId - 1
  return validatorSet(chain.state)
    .validators.filter(({ id }) => id !== proposer)
    .map(({ id }) => act(operator(id), schemas.governance, 'vote', { proposal, approve }))
}

/** Two votes of one member in one view of the running epoch. */
function doubleVote(chain: GoldenChain, id: number): Uint8Array {
  const { validators } = validatorSet(chain.state)
  const signer = validators.findIndex((validator) => validator.id === id)
  const side = (name: string) => {
    const at = { epoch: chain.epoch, view: 9, parentView: 8 }
    const subject: Subject = { kind: 'notarize', ...at, digest: sha256(utf8(name)) }
    const message = voteBytes(chain.genesis.hash, subject)
    const signature = bls.sign(keys[id - 1]!.consensusSecret, message)
    return voteAsCertificate({ subject, signer, signature }, validators.length)
  }
  return evidenceSchema.encode({ first: side('one block'), second: side('another block') })
}

const [alice, bob, carol] = accounts as readonly [Wallet, Wallet, Wallet]
const {
  accounts: coinsOf,
  assets,
  capacity,
  evidence,
  governance,
  issuance,
  providers,
  redemption,
  series,
} = schemas

/** Reporters of the oracle from the middle of the story on, and members that report too. */
const VOICES: Voices = { reporters: [alice, bob, carol], operators: [operator(2), operator(3), operator(6)] }
const { default: defaults } = schemas

const SESSION_KEY = accounts[9]!.address
/** A key that may cancel requests for an account during the story. */
function addKey(from: Wallet, over: object = {}): Send {
  return act(from, coinsOf, 'addSessionKey', {
    key: SESSION_KEY,
    actions: [
      { to: moduleAddress(redemption), selector: selectorOf('cancel', redemption.actions.cancel.args) },
    ],
    spendMax: 0n,
    validBefore: 4_000_000_000,
    ...over,
  })
}

const removeKey = (from: Wallet): Send => act(from, coinsOf, 'removeSessionKey', { key: SESSION_KEY })

/** The removal of an account's session key as a signed action, signed by `by`. */
function signRemoval(chain: GoldenChain, account: Wallet, by: Wallet) {
  const fields = coinsOf.actions.removeSessionKey.args
  const args = { key: SESSION_KEY }
  const validBefore = Math.floor(chain.parent.header.timestampMs / 1000) + 600
  const terms = { from: account.address, validBefore, nonce: 1n }
  const to = moduleAddress(coinsOf)
  const { chainId } = chain.genesis.chain
  const digest = signedActionDigest({ chainId, module: to, action: 'removeSessionKey', fields, args, terms })
  const action = { to, data: callData('removeSessionKey', fields, args), ...terms }
  return { action, signature: signHash(digest, by.secretKey) }
}

type Scene = (chain: GoldenChain) => readonly Send[]

/** A member that may sell: active, and nobody of its group suspended. */
function seller(chain: GoldenChain): number {
  const { validators } = validatorSet(chain.state)
  const able = ({ id }: { readonly id: number }): boolean =>
    getProvider(chain.state, id)?.status === 'active' && !isGroupSuspended(chain.state, id)
  return validators.find(able)!.id
}

/** The offer of a member from the running window on; the price is the devnet's. */
function offer(chain: GoldenChain, id: number, over: object): Send {
  const opensAt = currentWindow(chain.state)
  const price = { startPriceBase: 3_028_200n, endPriceBase: 3_028_200n }
  return act(operator(id), series, 'open', {
    kind: 'immediate',
    asset: DEVNET_ASSET_ID,
    capBase: 100n * COIN,
    ...price,
    opensAt,
    closesAt: opensAt + 1,
    dueAt: 0,
    ...over,
  })
}

const buy = (from: Wallet, id: number, amountBase: bigint, payMaxBase = 10n ** 12n): Send =>
  act(from, series, 'buy', { series: id, amountBase, payMaxBase })

function propose(id: number, action: string, args: object): Scene {
  return () => [act(operator(id), governance, action, args as never)]
}

const OFFERED = { amountBase: 5n * COIN, asset: DEVNET_ASSET_ID, paymentBase: UNIT }
const handOver = (id: number, over: object): Send =>
  act(operator(id), defaults, 'offerNovation', { ...OFFERED, ...over })
const withdrawal = (id: number): Send =>
  act(operator(id), defaults, 'withdrawBond', { asset: DEVNET_ASSET_ID, amountBase: 50n * UNIT })

/** By height. A scene is built on the state below its block. */
const SCENES: { readonly [height: number]: Scene } = {
  ...BACKERS,
  1: () => [
    { from: alice, to: issuer.address, valueBase: 5n * COIN },
    { from: alice, to: operator(NEWCOMER + 1).address, valueBase: 5n * COIN },
    list(1),
    list(2),
    list(3, { service: 'train', bonusPpm: 50_000n }),
    list(4, { classId: 1 + classOf(4) }),
    act(operator(1), issuance, 'mint', { to: alice.address, amountBase: 100n * COIN }),
    act(operator(2), issuance, 'mint', { to: bob.address, amountBase: 80n * COIN }),
    act(alice, issuance, 'mint', { to: alice.address, amountBase: COIN }),
    act(operator(1), issuance, 'mint', { to: alice.address, amountBase: 10n ** 26n }),
  ],
  2: () => [
    act(issuer, assets, 'issue', { asset: DEVNET_ASSET_ID, to: bob.address, amountBase: 500n * UNIT }),
    act(alice, assets, 'issue', { asset: DEVNET_ASSET_ID, to: bob.address, amountBase: 1n }),
    token(alice, 'transfer', { to: bob.address, value: 7n * UNIT }),
    token(alice, 'approve', { spender: carol.address, value: 9n * UNIT }),
    act(operator(1), providers, 'postBond', { asset: DEVNET_ASSET_ID, amountBase: 100n * UNIT }),
    act(operator(1), providers, 'postBond', { asset: 77, amountBase: 1n }),
    act(operator(1), providers, 'updateProfile', profile('aurora, renamed', 'aurora')),
    act(operator(2), providers, 'updateProfile', profile('borealis', 'aurora')),
  ],
  3: () => [
    token(carol, 'transferFrom', { from: alice.address, to: carol.address, value: 4n * UNIT }),
    token(carol, 'transferFrom', { from: bob.address, to: carol.address, value: 4n * UNIT }),
    act(bob, assets, 'redeem', { asset: DEVNET_ASSET_ID, amountBase: 3n * UNIT }),
    act(bob, assets, 'redeem', { asset: DEVNET_ASSET_ID, amountBase: 10n ** 30n }),
  ],
  4: () => [
    request(alice, 10n * COIN),
    request(alice, 3n * COIN, { ratingMin: 90_000_000n }),
    request(bob, 6n * COIN, { service: 'train', finishBy: 4 }),
    request(bob, 5n * COIN, { provider: 2 }),
    request(carol, 2n * COIN, { service: 'finetune', voucherKey: accounts[9]!.address }),
    request(carol, 1n),
    request(carol, COIN, { finishBy: 1, startBy: 2 }),
    request(carol, 10n ** 30n),
    request(carol, COIN, { ratingMin: 90_000_000n, startBy: 2 }),
  ],
  5: () => {
    const ordinary = request(carol, COIN, { region: 'local' })
    const inner = (send: Send) => ({
      to: send.to,
      value: send.valueBase ?? 0n,
      data: send.data ?? new Uint8Array(0),
    })
    const pay = { to: bob.address, value: COIN, data: new Uint8Array(0) }
    const good = [pay, inner(token(carol, 'transfer', { to: alice.address, value: 1n }))]
    const bad = [inner(ordinary), inner(request(carol, 1n))]
    return [
      act(carol, coinsOf, 'batch', { calls: good }),
      act(carol, coinsOf, 'batch', { calls: [inner(ordinary)] }),
      act(carol, coinsOf, 'batch', { calls: bad }),
      { from: carol, to: moduleAddress(redemption), data: new Uint8Array([1, 2, 3, 4]) },
      { from: carol, to: moduleAddress(redemption), valueBase: 1n },
    ]
  },
  6: () => [
    act(bob, redemption, 'cancel', { id: 2 }),
    act(alice, redemption, 'cancel', { id: 2 }),
    act(alice, redemption, 'cancel', { id: 2 }),
    act(alice, redemption, 'cancel', { id: 999 }),
  ],
  7: () => [addKey(alice), addKey(carol), addKey(carol, { actions: [] }), removeKey(bob)],
  8: () => [pledge(2), pledge(3, { classId: 900 }), pledge(4, { region: 'No region' }), pledge(5)],
  9: (chain) => [
    act(operator(2), capacity, 'giveNotice', { lot: nextLotId(chain.state) - 2 }),
    act(operator(6), capacity, 'giveNotice', { lot: 6 }),
    act(operator(6), capacity, 'giveNotice', { lot: 6 }),
    act(operator(6), capacity, 'giveNotice', { lot: 1 }),
    act(alice, capacity, 'giveNotice', { lot: 1 }),
  ],
  10: () => [
    act(operator(6), issuance, 'mint', { to: bob.address, amountBase: COIN }),
    ...[20n * COIN, 0n].map((amountBase) => act(operator(1), issuance, 'retire', { amountBase })),
    act(operator(1), issuance, 'retireLocked', { amountBase: COIN }),
    act(operator(NEWCOMER + 1), issuance, 'retire', { amountBase: 1n }),
  ],
  11: (chain) => {
    const signed = [
      signRemoval(chain, carol, carol),
      signRemoval(chain, carol, bob),
      signRemoval(chain, carol, carol),
    ]
    const [actions, signatures] = [
      signed.map(({ action }) => action),
      signed.map(({ signature }) => signature),
    ]
    return [
      removeKey(alice),
      act(bob, coinsOf, 'execute', { actions, signatures }),
      act(bob, coinsOf, 'execute', { actions, signatures: [] }),
    ]
  },
  12: () => {
    const consensusKey = bls.publicKey(rotatedSecret)
    const possessionProof = bls.prove(rotatedSecret)
    const peerId = peerIdBytesFromSeed(sha256(utf8('another peer key of member 4')))
    return [
      act(operator(3), providers, 'rotateConsensusKey', { consensusKey, possessionProof }),
      act(operator(3), providers, 'rotateConsensusKey', { consensusKey, possessionProof }),
      act(operator(2), providers, 'rotateConsensusKey', { consensusKey, possessionProof }),
      act(operator(4), providers, 'changePeerId', { peerId }),
      act(operator(5), providers, 'changePeerId', { peerId }),
      act(operator(5), providers, 'changePeerId', { peerId: new Uint8Array(3) }),
    ]
  },
  14: () => {
    const newcomer = { ...keysOf(NEWCOMER), ...profile('Newcomer', 'newcomer') }
    return [
      act(operator(1), governance, 'proposeAdmission', newcomer),
      act(operator(2), governance, 'proposeAdmission', { ...newcomer, operator: operator(1).address }),
      act(operator(2), governance, 'proposeAdmission', { ...newcomer, possessionProof: new Uint8Array(96) }),
      act(alice, governance, 'proposeJail', { provider: 1 }),
    ]
  },
  15: (chain) => votes(chain, 1),
  16: (chain) => {
    // The pledge of height 8 that is still pending.
    const lot = nextLotId(chain.state) - 1
    const attest = (id: number, over: object = {}): Send =>
      act(operator(id), governance, 'proposeAttestation', {
        lot,
        lastWindow: currentWindow(chain.state) + 5,
        ...over,
      })
    return [
      attest(5),
      attest(1, { lot: 999 }),
      attest(1, { lot: 1 }),
      attest(1, { lastWindow: 99 }),
      attest(NEWCOMER + 1),
    ]
  },
  17: (chain) => votes(chain, 5),
  50: propose(1, 'proposeJail', { provider: 6 }),
  51: (chain) => [...votes(chain, 1), act(operator(2), governance, 'withdrawProposal', { proposal: 999 })],
  70: propose(7, 'proposeUnjail', { provider: 6 }),
  // It stays in jail until it defaults.
  71: (chain) => votes(chain, 7, false),
  90: (chain) => {
    const proof = doubleVote(chain, 4)
    const foreign = proof.slice()
    foreign[foreign.length - 1]! ^= 1
    return [
      act(carol, evidence, 'submitEvidence', { evidence: foreign }),
      act(carol, evidence, 'submitEvidence', { evidence: new Uint8Array([1, 2]) }),
      act(carol, evidence, 'submitEvidence', { evidence: proof }),
      act(carol, evidence, 'submitEvidence', { evidence: proof }),
    ]
  },
  110: propose(2, 'proposeUnjail', { provider: 4 }),
  111: (chain) => votes(chain, 2),
  130: propose(2, 'proposeRemoval', { provider: 1 }),
  131: (chain) => {
    const proposal = openProposals(chain.state).nextId - 1
    const withdraw = (id: number) => act(operator(id), governance, 'withdrawProposal', { proposal })
    return [withdraw(3), withdraw(2)]
  },
  140: propose(3, 'proposeRemoval', { provider: 5 }),
  141: (chain) => votes(chain, 3),
  145: propose(3, 'proposeJail', { provider: 2 }),
  146: (chain) => votes(chain, 3, false),
  147: () => {
    const change = (module: string, parameter: string, value: bigint) =>
      act(operator(2), governance, 'proposeParameters', { changes: [{ module, parameter, value }] })
    return [
      change('providers', 'rotationIntervalMs', 2_001n),
      change('capacity', 'horizonWindows', 21n),
      change('accounts', 'blockGasLimit', 1n),
      change('bank', 'rate', 1n),
      act(operator(2), governance, 'proposeParameters', { changes: [] }),
      act(operator(2), governance, 'proposeResumeMinting', {}),
    ]
  },
  148: (chain) => votes(chain, 2),
  60: () => [
    act(issuer, assets, 'issue', {
      asset: DEVNET_ASSET_ID,
      to: operator(NEWCOMER + 1).address,
      amountBase: 50n * UNIT,
    }),
  ],
  61: () => [
    act(operator(NEWCOMER + 1), providers, 'postBond', { asset: DEVNET_ASSET_ID, amountBase: 50n * UNIT }),
  ],
  150: () => [
    handOver(1, { to: 3 }),
    handOver(1, { to: 3 }),
    handOver(1, { to: 1 }),
    act(operator(3), defaults, 'acceptNovation', { ...OFFERED, from: 1, paymentBase: 1n }),
  ],
  151: () => [
    act(operator(1), defaults, 'withdrawNovation', {}),
    act(operator(1), defaults, 'withdrawNovation', {}),
    handOver(4, { to: 3 }),
    act(operator(3), defaults, 'acceptNovation', { ...OFFERED, from: 4 }),
  ],
  153: () => [
    act(operator(NEWCOMER + 1), defaults, 'completeExit', {}),
    act(operator(NEWCOMER + 1), defaults, 'beginExit', {}),
    act(operator(NEWCOMER + 1), defaults, 'completeExit', {}),
    withdrawal(NEWCOMER + 1),
  ],
  155: propose(1, 'proposeSpending', { asset: DEVNET_ASSET_ID, to: bob.address, amountBase: UNIT }),
  156: (chain) => [
    ...votes(chain, 1),
    act(operator(2), governance, 'proposeSpending', {
      asset: DEVNET_ASSET_ID,
      to: bob.address,
      amountBase: 10n ** 30n,
    }),
  ],
  280: () => [withdrawal(NEWCOMER + 1)],
  160: () => [
    act(operator(3), redemption, 'unlist', { service: 'train' }),
    act(operator(3), redemption, 'unlist', { service: 'infer' }),
    list(1, { bonusPpm: 25_000n }),
    list(1, { bonusPpm: 26_000n }),
  ],
  162: (chain) => [
    act(issuer, assets, 'issue', {
      asset: DEVNET_ASSET_ID,
      to: operator(seller(chain)).address,
      amountBase: 1_000n * UNIT,
    }),
    act(issuer, assets, 'issue', { asset: DEVNET_ASSET_ID, to: bob.address, amountBase: 500n * UNIT }),
  ],
  163: (chain) => {
    const id = seller(chain)
    const opensAt = currentWindow(chain.state)
    const forward = { kind: 'forward', dueAt: opensAt + 9 }
    return [
      offer(chain, id, forward),
      offer(chain, id, { startPriceBase: 4_000_000n, closesAt: opensAt + 3 }),
      offer(chain, id, { ...forward, startPriceBase: 4_000_000n }),
      offer(chain, id, { startPriceBase: 1n, endPriceBase: 1n }),
      act(bob, series, 'stop', { series: 1 }),
    ]
  },
  164: () => [
    buy(bob, 1, 20n * COIN),
    buy(bob, 2, 10n * COIN),
    buy(bob, 2, 10n * COIN, 1n),
    buy(bob, 2, 10n ** 30n),
    buy(bob, 9, COIN),
  ],
  166: (chain) => {
    const { provider } = mustExist(getSeries(chain.state, 1), 'the series of block 163')
    return [
      act(bob, series, 'secure', { series: 1, amountBase: UNIT }),
      act(operator(provider), series, 'reclaim', { series: 1 }),
      act(operator(provider), series, 'stop', { series: 2 }),
      buy(bob, 2, COIN),
      act(bob, series, 'refund', { series: 1, amountBase: COIN }),
      act(bob, series, 'claim', { series: 2, amountBase: COIN }),
    ]
  },
  170: () => proposals(operator(2), VOICES),
  171: (chain) => votes(chain, 2),
  200: propose(1, 'proposeClass', NEW_CLASS),
  201: (chain) => [...votes(chain, 1), ...propose(2, 'proposeClass', { ...NEW_CLASS, memoryGb: 0 })(chain)],
  203: propose(2, 'proposeRatings', { classId: 1, ...RERATED }),
  204: (chain) => votes(chain, 2),
  // Appointed by then, and to report in a later window.
  195: (chain) => refused(accounts[5]!, alice, currentWindow(chain.state)),
  220: () => [
    act(bob, series, 'claim', { series: 1, amountBase: 15n * COIN }),
    act(bob, series, 'claim', { series: 1, amountBase: 15n * COIN }),
    act(bob, series, 'claim', { series: 1, amountBase: 5n * COIN }),
  ],
  260: (chain) => refused(accounts[5]!, alice, currentWindow(chain.state)),
}

/** Bids for what a member owes that has defaulted: of two, one is revealed. */
function bids(chain: GoldenChain): readonly Send[] {
  const { state } = chain
  const provider = openCases(state)[0]
  const known = provider === undefined ? undefined : getCase(state, provider)
  if (provider === undefined || known?.auctionWindow !== currentWindow(state)) return []
  const { startedAtMs, endsAtMs } = getClock(state)
  const spentMs = chain.parent.header.timestampMs - startedAtMs
  const bidOf = (bidder: number) => {
    const terms = { provider, amountBase: 100n * COIN, sharePpm: 400_000n, salt: sha256(utf8('salt')) }
    return { terms, commitment: bidCommitment(chain.genesis.hash, { ...terms, bidder }) }
  }
  if (known.bidders.length === 0 && 4 * spentMs < endsAtMs - startedAtMs)
    return [2, 2, 3].map((id) =>
      act(operator(id), defaults, 'commitBid', { provider, commitment: bidOf(id).commitment }),
    )
  const isRevealed = defaultTables.bid.get(state, { provider, bidder: 2 })?.revealed === true
  if (isRevealed || 8 * spentMs < 5 * (endsAtMs - startedAtMs)) return []
  const { terms } = bidOf(2)
  return [
    act(operator(2), defaults, 'revealBid', { ...terms, sharePpm: 1n }),
    act(operator(2), defaults, 'revealBid', terms),
  ]
}

/** The story's calls for the block above `chain`, which is `pauseMs` later. */
export function scene(chain: GoldenChain, pauseMs: number): readonly Send[] {
  const scripted = SCENES[chain.height + 1]?.(chain) ?? []
  return [...scripted, ...trading(chain), ...reports(chain, VOICES, pauseMs), ...bids(chain)]
}
