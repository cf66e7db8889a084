// The baselines, a peer that serves blocks falsely, and one that is slow or out of time.
import type { SyncSource } from '../../../../p2p/rangeProtocol.ts'
import type { RangeItem } from '../../../../p2p/syncMessages.ts'
import { type Behaviour, withheld } from '../behaviour.ts'

/** Later than the devnet's precision and message delay allow. */
const WRONG_CLOCK_MS = 3_000
/** Just below a leader's time-out. */
const LATE_MS = 800

function serving(about: string, bend: (items: readonly RangeItem[]) => readonly RangeItem[]): Behaviour {
  const serves = (source: SyncSource): SyncSource => ({
    status: () => source.status(),
    range: async (asked) => bend(await source.range(asked)),
  })
  return { about, serves, hasLaggard: true }
}

export const OTHER_BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  idle: { about: 'follows the protocol' },
  silent: { about: 'connected, but says nothing', outgoing: withheld },
  rangeWithoutCertificates: serving('serves blocks without certificates', (items) =>
    items.map(({ certificate: _, ...item }) => item),
  ),
  rangeCut: serving('serves the first block of each range', (items) => items.slice(0, 1)),
  rangeReordered: serving('serves each range backwards', (items) => [...items].reverse()),
  rangeSwappedCertificates: serving('serves each block with the certificate of another', (items) =>
    items.map(({ block }, i) => {
      const certificate = items[(i + 1) % items.length]?.certificate
      return certificate === undefined ? { block } : { block, certificate }
    }),
  ),
  clockAhead: { about: 'a clock three seconds ahead', clockOffsetMs: WRONG_CLOCK_MS },
  clockBehind: { about: 'a clock three seconds behind', clockOffsetMs: -WRONG_CLOCK_MS },
  late: {
    about: 'everything just below a leader’s time-out late',
    outgoing: (hand, sent) => {
      hand.after(LATE_MS, () => hand.send(sent))
      return []
    },
  },
  slowReading: { about: 'reads and answers for a tenth of each second', sleepsMs: 900 },
  reconnects: {
    about: 'connects again and again with the member’s identity, and hangs up',
    outgoing: withheld,
    wire: 'reconnects',
  },
  oneByteFrames: {
    about: 'frames of one byte on a second connection',
    outgoing: withheld,
    wire: 'oneByteFrames',
  },
  manyConnections: {
    about: 'fifty connections with the member’s identity at each node, each with frames of one byte',
    outgoing: withheld,
    wire: 'manyConnections',
  },
}
