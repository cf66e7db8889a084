import assert from 'node:assert/strict'
import { bytesKey } from '../../base/bytes.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import { type Recovery, recoveryHash } from '../../base/protocol/recovery.ts'
import { recoverySet } from '../../base/protocol/recoveryRules.ts'
import { type ValidatorSet, validatorSetHash } from '../../base/protocol/validators.ts'
import { DEV_PARAMETERS } from '../../genesis/parameters.ts'
import type { ChainConfig } from '../../state/chain.ts'
import { buildBlock, type ExecutedBlock, executeBlock } from '../../state/execute.ts'
import { capacityParams } from '../../state/modules/capacity/tables.ts'
import { openWindows } from '../../state/modules/capacity/windows.ts'
import { oracleParams } from '../../state/modules/oracle/tables.ts'
import { addProvider } from '../../state/modules/providers/members.ts'
import { providersTables } from '../../state/modules/providers/tables.ts'
import { validatorSet } from '../../state/modules/providers/validatorSet.ts'
import { decidingSet, recoveryMismatch, recoveryOfEpoch } from '../../state/recovery.ts'
import { addressOf, blockContext, CHAIN, COIN, profileOf, TestChain } from '../support/chainHarness.ts'

const EPOCH = 1007
const NEW_KEY = new Uint8Array(48).fill(99)
const NEW_PEER = new Uint8Array(38).fill(99)

/** On the chain's tip: 1 and 2 stay, 3 gets a new key, 4 is left out. */
function recoveryOn(chain: TestChain, over: Partial<Recovery> = {}): Recovery {
  const { header, hash } = chain.parent
  const previous = validatorSet(chain.full)
  const [first, second, third] = previous.validators
  return {
    genesisHash: CHAIN.genesisHash,
    floor: { height: header.height, hash, epoch: header.epoch, view: header.view },
    epoch: EPOCH,
    previous,
    members: [
      { validator: first! },
      { validator: second! },
      {
        validator: { ...third!, consensusKey: NEW_KEY, peerId: NEW_PEER },
        replacement: { possessionProof: new Uint8Array(96), operatorSignature: new Uint8Array(65) },
      },
    ],
    abandoned: [],
    reason: 'a test',
    madeBy: 1,
    ...over,
  }
}

const accepting = (recovery: Recovery): ChainConfig => ({
  ...CHAIN,
  recoveryOn: (floor) => (bytesKey(floor) === bytesKey(recovery.floor.hash) ? recovery : undefined),
})

/** Builds the first block of the new epoch and executes it. */
function firstBlock(chain: TestChain, recovery: Recovery): ExecutedBlock {
  const config = accepting(recovery)
  const template = chain.template([], { epoch: recovery.epoch, view: 1 })
  const { executed } = buildBlock(chain.parent, template, { chain: config })
  const again = execute(chain, executed.block, config)
  assert.ok('executed' in again, rejection(again))
  assert.deepEqual(again.executed.tree.rootHash, executed.tree.rootHash)
  again.executed.tree.release()
  return executed
}

const execute = (chain: TestChain, block: SealedBlock, config: ChainConfig) =>
  executeBlock(chain.parent, block, { chain: config, senderOf: chain.senderOf })

const rejection = (result: ReturnType<typeof execute>): string =>
  'rejected' in result ? result.rejected.detail : 'executed'

const ids = (set: ValidatorSet): readonly number[] => set.validators.map(({ id }) => id)

/** Makes a test's direct writes part of the parent's tree. */
function retree(chain: TestChain): void {
  const tree = chain.parent.tree.update(new Map(chain.full.entries('')))
  chain.parent = { ...chain.parent, tree }
}

function chainOfThree(epochBlocksMax = 1000): TestChain {
  const chain = new TestChain({ balances: { alice: COIN }, epochBlocksMax })
  // The capacity of a member left out is recounted.
  capacityParams.set(chain.full, DEV_PARAMETERS.capacity)
  oracleParams.set(chain.full, DEV_PARAMETERS.oracle)
  openWindows(chain.full, chain.parent.header.timestampMs)
  retree(chain)
  for (let i = 0; i < 3; i++) chain.next([])
  return chain
}

describe('state.recovery', () => {
  it('writes set, keys and record in the first block, and its header names the set', () => {
    const chain = chainOfThree()
    const recovery = recoveryOn(chain)
    const { block, overlay, systemLogs } = firstBlock(chain, recovery)
    const set = recoverySet(recovery)
    assert.deepEqual(block.header.setHash, validatorSetHash(set))
    assert.deepEqual(
      [block.header.epoch, block.header.endsEpoch, block.header.nextSetHash],
      [EPOCH, false, undefined],
    )
    assert.deepEqual(validatorSet(overlay), set)
    assert.deepEqual(decidingSet(accepting(recovery), chain.parent), set)
    assert.deepEqual(recoveryOfEpoch(overlay, EPOCH), recoveryHash(recovery))
    assert.equal(recoveryOfEpoch(overlay, 0), undefined)
    const { consensusKey, peerId, status } = providersTables.provider.mustGet(overlay, { id: 3 })
    assert.deepEqual([consensusKey, peerId, status], [NEW_KEY, NEW_PEER, 'active'])
    assert.equal(systemLogs.length, 1)
    assert.deepEqual(providersTables.epoch.get(overlay, {}), {
      epoch: EPOCH,
      firstHeight: 4,
      changePending: false,
      ending: false,
    })
  })

  it('jails a member left out, so that no later change brings its lost key back', () => {
    const chain = chainOfThree()
    const recovery = recoveryOn(chain)
    chain.commit(firstBlock(chain, recovery))
    assert.equal(providersTables.provider.mustGet(chain.full, { id: 4 }).status, 'jailed')
    const ctx = { state: chain.full, block: blockContext({ height: 4 }), emit: () => {} }
    addProvider(ctx, {
      id: 5,
      operator: addressOf('operator5'),
      consensusKey: new Uint8Array(48).fill(5),
      peerId: new Uint8Array([5]),
      profile: profileOf(5),
    })
    retree(chain)
    const boundary = chain.next([])
    assert.equal(boundary.block.header.endsEpoch, true)
    assert.deepEqual(ids(validatorSet(chain.full)), [1, 2, 3, 5])
    assert.deepEqual(chain.next([]).block.header.epoch, EPOCH + 1)
    assert.deepEqual(chain.recount(), [])
  })

  it('begins on a boundary too, and settles a pending change at the end of its first block', () => {
    const onBoundary = chainOfThree(3)
    assert.equal(onBoundary.parent.header.endsEpoch, true)
    const first = firstBlock(onBoundary, recoveryOn(onBoundary))
    assert.deepEqual([first.block.header.epoch, first.block.header.endsEpoch], [EPOCH, false])

    const pending = chainOfThree()
    const record = providersTables.epoch.get(pending.full, {})!
    providersTables.epoch.set(pending.full, {}, { ...record, changePending: true })
    retree(pending)
    const recovery = recoveryOn(pending)
    const boundary = firstBlock(pending, recovery)
    assert.equal(boundary.block.header.endsEpoch, true)
    assert.deepEqual(boundary.block.header.nextSetHash, validatorSetHash(recoverySet(recovery)))
    assert.equal(providersTables.epoch.get(boundary.overlay, {})?.changePending, false)
  })

  it('rejects children of the old epoch, and of the new one without the file', () => {
    const chain = chainOfThree()
    const recovery = recoveryOn(chain)
    const { block } = firstBlock(chain, recovery)
    const old = chain.build([]).executed.block
    assert.match(rejection(execute(chain, old, accepting(recovery))), /epoch is 0, expected 1007/)
    assert.match(rejection(execute(chain, block, CHAIN)), /epoch is 1007, expected 0/)
    const other = recoveryOn(chain, { reason: 'another file of the same effect' })
    assert.match(rejection(execute(chain, block, accepting(other))), /stateRoot|receiptsRoot/)
    const later = recoveryOn(chain, { epoch: 2000 })
    assert.match(rejection(execute(chain, block, accepting(later))), /epoch is 1007, expected 2000/)
  })

  it('rejects a file made for another set, and a proposer that is left out', () => {
    const chain = chainOfThree()
    const recovery = recoveryOn(chain)
    const { block } = firstBlock(chain, recovery)
    const previous = { validators: validatorSet(chain.full).validators.slice(0, 3) }
    const foreign = { ...recovery, previous }
    assert.match(recoveryMismatch(chain.full, foreign) ?? '', /another previous set/)
    assert.match(rejection(execute(chain, block, accepting(foreign))), /another previous set/)
    assert.equal(recoveryMismatch(chain.full, recovery), undefined)
    const template = chain.template([], { epoch: EPOCH, view: 1, proposer: addressOf('operator4') })
    const lost = buildBlock(chain.parent, template, { chain: accepting(recovery) }).executed.block
    assert.match(rejection(execute(chain, lost, accepting(recovery))), /proposer is not an operator/)
  })
})
