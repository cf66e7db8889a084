// A hardware class and its ratings by vote on a running devnet, through JSON-RPC alone: added, raised, cut, and what the header says.
import assert from 'node:assert/strict'
import { utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { ZERO_HASH } from '../../base/ids.ts'
import { capacity, catalogue, governance, issuance, providers } from '../../client/modules.ts'
import { developmentGenesis } from '../../devnet/genesisOptions.ts'
import { ALL_SERVICES } from '../../state/modules/capacity/schema.ts'
import { StoryDevnet } from '../support/storyDevnet.ts'

const WINDOW_MS = 600_000
const AURORA = 1
const AURORA_RATING = 1_000_000n
const NEW_CLASS = {
  ...{ slug: 'gb300-nvl', vendor: 'NVIDIA', model: 'GB300 NVL72', memoryGb: 288, specOnly: false },
  ...{ trainPpm: 3_000_000n, finetunePpm: 3_000_000n, inferPpm: 4_000_000n, evidenceHash: ZERO_HASH },
}

describe('the catalogue on a running devnet', function () {
  this.timeout(120_000)
  let story: StoryDevnet
  let pledges = 0

  before(async () => {
    const genesis = developmentGenesis({
      ...{ validators: 4, blockTimeMs: 200, windowMs: WINDOW_MS },
      ...{ accounts: 4, balanceCoins: 1_000 },
    })
    // Time jumps by up to a window: a block that was proposed before a jump is not too old after it.
    story = await StoryDevnet.start({
      ...genesis,
      consensus: { ...genesis.consensus, messageDelayMs: WINDOW_MS },
    })
  })
  after(() => story?.devnet.close())

  const decide = async (call: Parameters<StoryDevnet['decide']>[1]): Promise<void> => {
    await story.decide(
      [1, 2, 3].map((id) => story.operatorOf(id)),
      call,
    )
    // The lock of one window, and the end of the next.
    await story.devnet.passWindows(2)
  }
  const rated = (classId: number, ratingPpm: bigint) =>
    governance.proposeRatings({
      ...{ classId, trainPpm: ratingPpm, finetunePpm: ratingPpm, inferPpm: ratingPpm },
      ...{ specOnly: false, evidenceHash: sha256(utf8('a benchmark')) },
    })
  const pledge = async (classId: number): Promise<bigint> => {
    const firstWindow = (await story.windowIndex()) + 1
    const deviceRoot = sha256(utf8(`devices ${pledges++}`))
    const of = { classId, devices: 8, deviceRoot, region: 'tw', services: ALL_SERVICES, firstWindow }
    await story.send(story.operatorOf(AURORA), capacity.pledge(of))
    const lots = (await story.client.query(capacity, 'lots', { provider: AURORA }))!
    return lots.at(-1)!.ratings.train
  }
  const statusOf = async (id: number) => (await story.client.query(providers, 'provider', { id }))!.status
  const capacityNow = async (): Promise<bigint> => {
    const { reserve } = (await story.client.request('chain_reserve')) as {
      readonly reserve: { readonly capacityBase: string }
    }
    return BigInt(reserve.capacityBase)
  }

  it('gets a class by vote, hardware of it can be pledged, and a raise reaches pledges one window later', async () => {
    await decide(governance.proposeClass(NEW_CLASS))
    const id = await story.classIdOf(NEW_CLASS.slug)
    assert.equal(await pledge(id), NEW_CLASS.trainPpm)
    await decide(rated(id, 5_000_000n))
    assert.equal((await story.client.query(catalogue, 'class', { id }))!.trainPpm, 5_000_000n)
    assert.equal(await pledge(id), NEW_CLASS.trainPpm)
    await story.devnet.passWindows()
    assert.equal(await pledge(id), 5_000_000n)
    assert.match(
      await story.refusal(story.operatorOf(1), governance.proposeClass(NEW_CLASS)),
      /^ClassKnown\(/,
    )
  })

  it('cuts a class that a provider counts on: it must cure, keeps its bond, and is well again after a raise and new pledges', async () => {
    const classId = await story.classIdOf('h100-sxm')
    const bonds = await story.client.query(providers, 'bonds', { id: AURORA })
    const before = await capacityNow()
    const { liabilityBase } = (await story.client.query(issuance, 'liability', { provider: AURORA }))!
    await decide(rated(classId, AURORA_RATING / 100n))
    assert.ok((await capacityNow()) < before)
    assert.ok(liabilityBase > 0n)
    assert.equal(await statusOf(AURORA), 'curing')
    assert.deepEqual(await story.client.query(providers, 'bonds', { id: AURORA }), bonds)
    // Its lots were pledged at what the class had, and count so again.
    await decide(rated(classId, AURORA_RATING))
    assert.equal(await statusOf(AURORA), 'active')
    assert.equal(await capacityNow(), before)
    assert.deepEqual(await story.client.query(providers, 'bonds', { id: AURORA }), bonds)
  })
})
