// Frames of the address exchange, through its real handler behind a host without sockets: whatever arrives, a node dials members
// at addresses that they signed for this chain, and nowhere else.
import { SchemaError } from '../../../base/field.ts'
import { createAddressExchange, encodeAddressRecords } from '../../../p2p/addressExchange.ts'
import { type AddressRecord, signAddresses, verifyAddresses } from '../../../p2p/addressRecord.ts'
import { peerIdBytesFromSeed, peerIdText } from '../../../p2p/identity.ts'
import type { P2pHost, PeerKey, ProtocolHandler } from '../../../p2p/protocol.ts'
import type { Random } from '../../support/random.ts'
import { mutateBytes, randomBytes } from '../bytes.ts'
import type { FuzzTarget } from '../target.ts'

const MEMBERS = 4
const RECORDS = 48
/** More than a record needs to be replaced by a newer one, and than a peer needs to earn its next frame. */
const STEP_MS = 6_000
/** One signature in so many steps: they cost more than all the rest. */
const SIGN_EVERY = 16

/** A fake host: it knows members, and notes what the exchange makes of a frame. */
class Desk {
  readonly seed: Uint8Array
  readonly members: readonly Uint8Array[]
  readonly genesisHash: Uint8Array
  readonly frames: Uint8Array[] = []
  handler: ProtocolHandler | undefined
  #start: (() => void) | undefined
  nowMs = 1_000_000
  penalties = 0
  heldCount = 0
  readonly #peers: ReadonlySet<PeerKey>
  readonly #sequences = new Map<PeerKey, number>()

  constructor(random: Random) {
    this.seed = randomBytes(random, 32)
    this.members = Array.from({ length: MEMBERS }, () => randomBytes(random, 32))
    this.genesisHash = randomBytes(random, 32)
    this.#peers = new Set(this.members.map(nameOf))
  }

  get peers(): readonly PeerKey[] {
    return [...this.#peers]
  }

  host(): P2pHost {
    const port = {
      peers: () => this.peers,
      send: (_: PeerKey, frame: Uint8Array) => {
        this.frames[this.frames.length % RECORDS] = frame
        return true
      },
    }
    return {
      peerId: nameOf(this.seed),
      register: (_: unknown, handler: ProtocolHandler) => {
        this.handler = handler
        return port
      },
      on: (event: string, listener: () => void) => {
        if (event === 'start') this.#start = listener
      },
      off: () => {},
      getPeer: (peer: PeerKey) => (this.#peers.has(peer) ? { known: true } : undefined),
      penalise: () => void this.penalties++,
      learn: (peer: PeerKey, addresses: readonly string[]) => this.#learn(peer, addresses),
    } as unknown as P2pHost
  }

  start(): void {
    this.#start?.()
  }

  /** Everything that the exchange keeps must be signed by one who may be kept, and never older than before. */
  keep(records: readonly AddressRecord[]): void {
    this.heldCount = records.length
    for (const record of records) {
      const { peerId, sequence } = record.addresses
      const peer = peerIdText(peerId)
      if (!this.#peers.has(peer) && peer !== nameOf(this.seed))
        throw new Error('keeps the record of a stranger')
      if (sequence === this.#sequences.get(peer)) continue
      if (sequence < (this.#sequences.get(peer) ?? 0)) throw new Error('an older record replaces a newer one')
      if (!verifyAddresses(record, this.genesisHash)) throw new Error('keeps a record that nobody signed')
      this.#sequences.set(peer, sequence)
    }
  }

  readonly signed = new Set<string>()

  sign(seed: Uint8Array, addresses: readonly string[], genesisHash = this.genesisHash): AddressRecord {
    const record = signAddresses(seed, { genesisHash, sequence: this.nowMs, addresses })
    if (genesisHash === this.genesisHash) this.signed.add(`${nameOf(seed)} ${addresses.join()}`)
    return record
  }

  #learn(peer: PeerKey, addresses: readonly string[]): void {
    if (!this.#peers.has(peer)) throw new Error('dials a stranger')
    if (!this.signed.has(`${peer} ${addresses.join()}`)) throw new Error('dials where its member never said')
  }
}

const nameOf = (seed: Uint8Array): PeerKey => peerIdText(peerIdBytesFromSeed(seed))

function anyAddresses(random: Random): readonly string[] {
  const port = random.between(1, 4)
  return random.pick([
    [],
    [`/ip4/192.0.2.1/tcp/${port}`],
    ['/dns4/a.example/tcp/1', `/ip6/::1/tcp/${port}`],
    ['nonsense'],
  ])
}

/** A record of a member, of this node, of a stranger, of another chain, or under another's name. */
function anyRecord(random: Random, desk: Desk): { readonly record: AddressRecord; readonly isTrue: boolean } {
  const seed = random.pick([...desk.members, desk.seed])
  const record = desk.sign(seed, anyAddresses(random))
  if (random.chance(0.5)) return { record, isTrue: true }
  const other = random.pick(desk.members)
  const forged = random.pick([
    () => signAddresses(randomBytes(random, 32), { ...desk, sequence: desk.nowMs, addresses: [] }),
    () => desk.sign(seed, [`/ip4/198.51.100.1/tcp/1`], randomBytes(random, 32)),
    () => ({ ...record, addresses: { ...record.addresses, peerId: peerIdBytesFromSeed(other) } }),
    () => ({ ...record, addresses: { ...record.addresses, sequence: Number.MAX_SAFE_INTEGER } }),
  ])()
  return { record: forged, isTrue: false }
}

export const addressTarget: FuzzTarget = {
  name: 'addresses',
  weight: 1,
  open: (random) => {
    const desk = new Desk(random)
    const exchange = createAddressExchange(desk.host(), {
      seed: desk.seed,
      genesisHash: desk.genesisHash,
      stored: [],
      ownAddresses: () => [],
      onChange: (records) => desk.keep(records),
      nowMs: () => desk.nowMs,
      time: { clock: { monotonicMs: () => desk.nowMs, after: () => () => {} }, random: () => 0 },
    })
    desk.start()
    const known = Array.from({ length: RECORDS }, () => anyRecord(random, desk))
    const step = (r: Random): void => {
      desk.nowMs += STEP_MS
      if (r.chance(1 / SIGN_EVERY)) known[r.between(0, RECORDS - 1)] = anyRecord(r, desk)
      const chosen = Array.from({ length: r.between(1, 3) }, () => r.pick(known))
      const frame = encodeAddressRecords(chosen.map(({ record }) => record))
      const isTrue = chosen.every((one) => one.isTrue)
      const isSpoilt = !isTrue || r.chance(0.5)
      const others = desk.frames.length > 0 && r.chance(0.5) ? r.pick(desk.frames) : frame
      const before = desk.penalties
      try {
        void desk.handler!.onFrame(
          r.pick(desk.peers),
          isSpoilt ? mutateBytes(r, r.pick([frame, others]), others) : frame,
        )
      } catch (error) {
        if (!(error instanceof SchemaError)) throw error
        if (!isSpoilt) throw new Error('refuses a frame that members send', { cause: error })
      }
      if (!isSpoilt && desk.penalties > before) throw new Error('penalises a member for true records')
    }
    return {
      step,
      check: () => (desk.heldCount > MEMBERS + 1 ? `${desk.heldCount} records are kept` : undefined),
      close: () => exchange.close(),
    }
  },
}
