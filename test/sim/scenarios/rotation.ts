// Keys that change from epoch to epoch, and hosts that hold the old ones (CONSENSUS §9, 45).
import { headerHash } from '../../../base/protocol/header.ts'
import { type Certificate, type Subject, signersBitmap, voteBytes } from '../../../base/protocol/vote.ts'
import { Random } from '../../support/random.ts'
import { makeValidator } from '../../support/simChain.ts'
import { Violation } from '../../support/violation.ts'
import { oldKey } from '../behaviours/oldKey.ts'
import { linkFault } from '../checks/lightChain.ts'
import { CALM, type Thief } from '../config.ts'
import { lossNonce, repeatedly, showLosses } from '../faults.ts'
import { type Scenario, scenario } from '../scenario.ts'
import type { SimWorld, WorldConfig } from '../world.ts'
import { faulty } from './links.ts'

type KeyOf = (node: number, epoch: number) => number

/** Epochs in which stolen keys are counted; no run has as many. */
const EPOCHS_MAX = 200
const THIEVES_MAX = 4
/** Epochs of a few blocks that may pass until a block has shown a loser's number, and two more. */
const RESUMES_WITHIN = 40
/** Boundaries that a run must pass, so that keys change several times. */
const BOUNDARIES_MIN = 4

/** The nodes of a run, and for how many epochs each uses a key. */
interface Rotation {
  readonly nodes: number
  readonly membersOf: (epoch: number) => readonly number[]
  readonly keyOf: KeyOf
}

function rotation(random: Random): Rotation {
  const members = random.pick([4, 5, 7])
  // One more than a set has: a different one is outside in each epoch.
  const nodes = members + (random.chance(0.3) ? 1 : 0)
  const all = Array.from({ length: nodes }, (_, i) => i)
  const turns = all.map(() => ({ epochs: random.between(1, 3), offset: random.between(0, 2) }))
  return {
    nodes,
    membersOf: (epoch) => (nodes === members ? all : all.filter((i) => i !== epoch % nodes)),
    keyOf: (node, epoch) => Math.floor((epoch + turns[node]!.offset) / turns[node]!.epochs),
  }
}

/** Members of an epoch whose key of then is stolen. */
function stolenIn({ membersOf, keyOf }: Rotation, thieves: readonly Thief[], epoch: number): number {
  const isStolen = (node: number): boolean =>
    thieves.some((thief) => thief.node === node && thief.key === keyOf(node, epoch))
  return membersOf(epoch).filter(isStolen).length
}

/** Stolen keys, at most f of any one epoch. */
function drawThieves(random: Random, turns: Rotation): readonly Thief[] {
  const thieves: Thief[] = []
  for (let i = 0; i < THIEVES_MAX; i++) {
    const node = random.between(0, turns.nodes - 1)
    const key = turns.keyOf(node, random.between(1, 6))
    const thief: Thief = { node, key, hasPeerKey: random.chance(0.5), behaviour: oldKey(node) }
    const more = [...thieves, thief]
    let isWithin = true
    for (let epoch = 1; epoch <= EPOCHS_MAX; epoch++) {
      isWithin &&= stolenIn(turns, more, epoch) <= faulty(turns.membersOf(epoch).length)
    }
    if (isWithin) thieves.push(thief)
  }
  return thieves
}

/**
 * Signer records are lost, of as many members at once as every epoch can do without besides its stolen keys: a loser signs
 * again after the epoch in which a block has shown its number.
 */
function loseSigners(world: SimWorld, turns: Rotation, thieves: readonly Thief[]): void {
  const honest = world.honest()
  for (const node of honest) showLosses(world, node)
  repeatedly(world, 900, () => {
    const node = world.random.pick(honest)
    const { epoch } = node.store.epochStart()
    const losers = honest.filter((other) => other === node || other.signer.observing)
    const isWithin = Array.from({ length: RESUMES_WITHIN + 1 }, (_, i) => epoch + i).every((at) => {
      const members = turns.membersOf(at)
      const absent = losers.filter(({ index }) => members.includes(index)).length
      return absent + stolenIn(turns, thieves, at) <= faulty(members.length)
    })
    if (!node.isUp || !isWithin) return
    world.crash(node)
    node.signer.lose(lossNonce(world))
  })
}

/** A boundary of the last epoch that ended, altered and signed by its whole set with the keys before; a wallet must refuse. */
function checkOldKeysProveNothing(world: SimWorld, { keyOf }: Rotation): void {
  const { bls } = world.config
  const { store } = world.honest()[0]!
  world.demand(60_000, `${BOUNDARIES_MIN} boundaries`, () => store.epochStart().epoch > BOUNDARIES_MIN)
  const epoch = store.epochStart().epoch - 1
  const set = world.setOf(epoch)
  const nodes = set.validators.map(({ id }) => id - 1)
  const earlier = nodes.map((node) => Math.max(0, keyOf(node, epoch) - 1))
  if (nodes.every((node, i) => keyOf(node, epoch) === earlier[i])) return
  const header = { ...store.epochStart().floor.header, stateRoot: new Uint8Array(32) }
  const subject: Subject = { kind: 'finalize', epoch, view: 1, parentView: 0, digest: headerHash(header) }
  const message = voteBytes(world.rules.genesisHash, subject)
  const secrets = nodes.map((node, i) => makeValidator(node, bls, earlier[i]).secretKey)
  const signature = bls.aggregate(secrets.map((secret) => bls.sign(secret, message)))!
  const signers = nodes.map((_, i) => i)
  const certificate: Certificate = { subject, bitmap: signersBitmap(signers, nodes.length), signature }
  const next = world.setOf(epoch + 1)
  const fault = linkFault(world.rules, bls, { epoch, set }, { header, certificate, next })
  if (fault === undefined) throw new Violation('C', 'a wallet followed keys that were no longer in the set')
}

function rotatingKeys(seed: number): WorldConfig {
  const random = new Random(seed * 41 + 11)
  const turns = rotation(random)
  const thieves = drawThieves(random, turns)
  return {
    ...CALM,
    seed,
    ...turns,
    thieves,
    toleratesOffences: seed % 2 === 0,
    epochBlocks: random.between(1, 3),
    txEveryMs: 60,
    lossRate: seed % 3 === 0 ? 0.1 : 0,
    crashEveryMs: seed % 3 === 1 ? 1_200 : 0,
    crashPointRate: seed % 5 === 0 ? 0.004 : 0,
    faultsUntilMs: 4_000,
    goalBlocks: 6,
    course: (world) => {
      if (seed % 4 < 2) loseSigners(world, turns, thieves)
    },
    afterwards: (world) => checkOldKeysProveNothing(world, turns),
  }
}

export const rotationScenarios: Readonly<Record<string, Scenario>> = {
  rotatingKeys: scenario(
    [45],
    ['S1', 'C', 'L'],
    'new keys at one boundary after another; thieves of old keys go on signing',
    rotatingKeys,
  ),
}
