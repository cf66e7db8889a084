// Sync and the light client: rules whose deletion the tests named here must notice; the simulator of the core has no ranges.
import { type Edit, editsOf } from '../edit.ts'

const found = (edits: readonly Edit[], ...names: string[]): readonly Edit[] => {
  const specs = names.map((name) => `dist/test/${name}.test.js`)
  return edits.map((edit) => ({ ...edit, specs }))
}

const certifiedRun = editsOf('node/sync/certifiedRun.ts', [
  [
    'sync.anyEpoch',
    'if (!isKind || subject.epoch !== epoch) return false',
    'if (!isKind) return false',
    'an F of any epoch makes a block final',
  ],
  ['sync.notarized', 'orNotarized = false }', 'orNotarized = true }', 'an N makes a block final'],
  [
    'sync.passesBoundary',
    '    if (header.endsEpoch) {',
    '    if (header.endsEpoch && tail.length === 0) {',
    'a run passes a boundary without its F, which must be kept, and the next block is blamed',
  ],
])

const source = editsOf('node/sync/syncSource.ts', [
  [
    'sync.endsAnywhere',
    'return last < 0 ? items : items.slice(0, last + 1)',
    'return items',
    'an answer cannot be imported without the next one',
  ],
])

const missing = editsOf('node/sync/missingCertificates.ts', [
  [
    'sync.blamesUnproven',
    'if (isProven && peers.size === 1) blame',
    'if (peers.size === 1) blame',
    'an honest peer is blamed for blocks that nothing proves final',
  ],
  [
    'sync.blamesNobody',
    '  if (isProven && peers.size === 1) blameOmission(pull, only!, asked)\n',
    '',
    'leaving certificates out costs nothing',
  ],
  [
    'sync.windowTooShort',
    'i >= UNFINALIZED_HEIGHTS_MAX &&',
    'i >= UNFINALIZED_HEIGHTS_MAX - 1 &&',
    'honest peers with 64 blocks between certificates are blamed',
  ],
  [
    'sync.keepsNothing',
    'const isAsked = pull.download.again({ fromHeight, count, peers: pull.unhelpful })',
    'const isAsked = false',
    'left-out certificates are not fetched from others',
  ],
  [
    'sync.adoptsAny',
    '    if (!equalBytes(held.block.hash, block.hash)) continue\n',
    '',
    'a certificate of another block is attached to a held one',
  ],
])

const trust = editsOf('node/sync/trust.ts', [
  [
    'sync.firstChange',
    '.findLast(({ nextSet })',
    '.find(({ nextSet })',
    'the set of an epoch is that of the first change, not of the last',
  ],
  [
    'sync.anyCheckpoint',
    'if (!equalBytes(block.hash, checkpoint.hash))',
    'if (block.header.height !== checkpoint.height)',
    'any block at the height of the checkpoint is trusted',
  ],
])

const scores = editsOf('p2p/peerScores.ts', [
  [
    'sync.lieForgotten',
    'if (liedUntilMs === 0 || liedUntilMs <= this.#nowMs()) ',
    '',
    'an answer that was on its way makes a lie good',
  ],
])

const lightClient = editsOf('client/lightClient.ts', [
  [
    'client.tipSwitched',
    'if (state.tip?.height === height && !equalBytes(state.tip.hash, hash)) {',
    'if (state.tip?.height === height && hash.length === 0) {',
    'another block replaces the proven one at its height',
  ],
])

const witness = editsOf('client/witness.ts', [
  [
    'client.primaryUnproven',
    'return result.ok ? { proof, trusted } : reader.fails(result.failure.check, result.failure.reason)',
    'return { proof, trusted }',
    'headers of the primary below its tip are compared unverified',
  ],
])

const stateSync = editsOf('node/sync/stateSync.ts', [
  [
    'sync.anyReceipts',
    'if (!equalBytes(receiptsRoot(given.receipts, given.systemLogs), block.header.receiptsRoot)) {',
    'if (given.receipts.length !== block.transactions.length) {',
    'receipts are installed that the header does not commit to',
  ],
])

const offers = editsOf('node/sync/offerBook.ts', [
  [
    'sync.sharedOffer',
    'bytesKey(offerSchema.encode(offer))',
    'bytesKey(offer.manifestHash)',
    "honest peers answer for a liar's offer of their manifest",
  ],
])

const offerOrder = editsOf('node/sync/offerBook.ts', [
  [
    'sync.loudestOffer',
    'isBacked ? 0 : 1, known.length > 0 ? 0 : 1, -offer.height',
    '-offer.height',
    'whoever offers most is believed before members and known peers',
  ],
  [
    'sync.patientGather',
    'await Promise.race([Promise.all(answers), pause(clock, ANSWERS_MS)])',
    'await Promise.all(answers)',
    'a silent peer holds up the offers of others',
  ],
])

const download = editsOf('p2p/rangeDownload.ts', [
  [
    'sync.strangersAsked',
    'if (known.length > 0) return known',
    '',
    'strangers, ever new ones, are asked before peers that the node knows',
  ],
])

const serving = editsOf('p2p/servingTurns.ts', [
  [
    'sync.membersForEver',
    'this.#membersInARow < MEMBERS_IN_A_ROW || ',
    'member !== undefined || ',
    'one member that asks without end keeps everybody from joining',
  ],
])

const finality = editsOf('base/protocol/finalityProof.ts', [
  ['client.pathSkipsHeights', 'header.height !== height + 1 || ', '', 'a path of headers may skip heights'],
])

export const SYNC_GUARDS: readonly Edit[] = [
  ...found([...certifiedRun, ...source, ...missing], 'node/certifiedRun'),
  ...found(trust, 'node/trustWalk'),
  ...found(scores, 'p2p/peerScores'),
  ...found(lightClient, 'client/lightClient'),
  ...found(witness, 'client/conflict'),
  ...found(stateSync, 'node/stateSync'),
  ...found(offers, 'node/offerBook'),
  ...found(offerOrder, 'sim/snapshotSync/snapshotSync'),
  ...found(finality, 'client/epochProof'),
  ...found(download, 'p2p/rangeProtocol'),
  ...found(serving, 'p2p/servingTurns'),
]
