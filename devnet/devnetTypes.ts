// What a devnet is asked for and hands out: the types of `suanli/devnet`. Not: what makes it (devnet.ts, runningDevnet.ts).
import type { Genesis } from '../genesis/schema.ts'
import type { LinkChange, LinkState } from '../rpc/dev/linkTypes.ts'
import type { ParameterOverrides } from './genesisOptions.ts'
import type { DevnetMember } from './member.ts'

export interface DevnetOptions {
  /** How many validators, 1 to 16; default 4. Fewer than 4 bear no fault and take windows of up to an hour. */
  readonly validators?: number
  /** Chain id; default 83838. */
  readonly chainId?: number
  /** How many funded accounts, 1 to 100; default 10. */
  readonly accounts?: number
  /** Whole coins of each; default 10,000. The providers must be able to back all of them. */
  readonly balanceCoins?: number
  /** Parameters of the chain by path, in the form of the genesis document: `{ 'redemption.assignAhead': 3 }`. */
  readonly params?: ParameterOverrides
  /** A genesis document whose members have the development keys, instead of all options of the chain. */
  readonly genesisFile?: string
  /** A file of `suanli export state`, or of a devnet's `dev_dumpState`: the devnet goes on from it, instead of all options of the chain. */
  readonly stateFile?: string
  /**
   * A state file of any chain, or the JSON-RPC address of a devnet in one process: a chain of its own begins with that state, with
   * development keys for its members, in the place of all options of the chain but `chainId`. It runs in one process.
   */
  readonly fork?: string
  /** JSON-RPC port of the first validator, the others follow; by default free ones are found. */
  readonly port?: number
  /** Peer-to-peer port of the first validator, the others follow; default 1,000 above its JSON-RPC port. */
  readonly p2pPort?: number
  /** Where the chain is kept; by default a temporary folder, which `close` removes. */
  readonly dataDir?: string
  /** Shortest time between two blocks under load, milliseconds; default 50. */
  readonly blockTimeMs?: number
  /** Length of a capacity window, milliseconds; default 60,000. */
  readonly windowMs?: number
  /**
   * Runs the validators in this process instead of one each: they start in a fraction of the time and share its memory and its
   * thread. One of them cannot crash alone.
   */
  readonly isInProcess?: boolean
  /** The providers grant whatever is assigned to them, by themselves: a request left alone suspends nobody. */
  readonly isGranting?: boolean
  /**
   * Each provider runs a gateway, with a little language model behind it: whatever is assigned is granted and served, and paid by
   * vouchers. Takes the place of `isGranting`.
   */
  readonly hasGateways?: boolean
  /** Links between the validators that can be changed while they run; so with any of the three below. Two validators at least. */
  readonly hasLinks?: boolean
  /** From each validator to each other one, milliseconds. */
  readonly latencyMs?: number
  /** At random up to this much more. */
  readonly jitterMs?: number
  /** Of what validators send each other, 0 to 99: TCP sends it again, later. */
  readonly lossPercent?: number
  /** JSON-RPC port of the devnet itself, for its links where each validator has a process of its own; by default a free one. */
  readonly controlPort?: number
  /** Forgets the chain of an earlier run in `dataDir`. */
  readonly isFresh?: boolean
  /** Level of the validators' log files; default `info`. */
  readonly logLevel?: 'silent' | 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'
  /** Ends a start under way: `createDevnet` rejects with the signal's reason and leaves nothing running. */
  readonly signal?: AbortSignal
  readonly onEvent?: (event: DevnetEvent) => void
}

/** What happens in a devnet, in the order in which it happens. */
export type DevnetEvent =
  /** The folders are written, no process runs yet. */
  | { readonly kind: 'prepared'; readonly genesis: Genesis; readonly members: readonly DevnetMember[] }
  /** Every validator answers JSON-RPC. */
  | {
      readonly kind: 'up'
      readonly dataDir: string
      readonly members: readonly DevnetMember[]
      /** JSON-RPC of the devnet itself, where it has links to change. */
      readonly controlUrl: string | undefined
    }
  /** The first block of this run is final. */
  | { readonly kind: 'final'; readonly block: FirstFinal }
  /** The providers serve. */
  | { readonly kind: 'serving'; readonly gateways: readonly DevnetGateway[] }
  /** A provider that grants by itself could not. */
  | { readonly kind: 'notGranted'; readonly reason: string }
  /** A validator's consensus stopped for good; it still answers reads. */
  | { readonly kind: 'halted'; readonly validator: number; readonly reason: string }
  /** A validator that was down runs again, started by hand: `close` ends it too. */
  | { readonly kind: 'adopted'; readonly validator: number; readonly pid: number }
  /** A validator's process ended by itself. */
  | {
      readonly kind: 'lost'
      readonly validator: number
      readonly how: string
      readonly dir: string
      readonly logFile: string
    }

export interface FirstFinal {
  readonly height: number
  readonly hash: `0x${string}`
  /** Milliseconds from the start of the validators. */
  readonly afterMs: number
}

/** An account whose key is public. */
export interface DevnetAccount {
  readonly address: `0x${string}`
  readonly privateKey: `0x${string}`
}

/** The service of a provider. */
export interface DevnetGateway {
  readonly provider: number
  /** Without `/v1`. */
  readonly url: string
  readonly model: string
}

export interface DevnetValidator {
  readonly index: number
  /** The process it runs in; undefined while it is down. */
  readonly pid: number | undefined
  readonly dir: string
  readonly logFile: string
  readonly rpcUrl: string
  /** Where further nodes reach it, as `--peer` takes it. */
  readonly multiaddr: string
  /** The account that mints against its pledge. */
  readonly operator: DevnetAccount
}

export interface Devnet {
  readonly dataDir: string
  readonly chainId: number
  readonly genesisHash: `0x${string}`
  /** JSON-RPC of the first validator. */
  readonly rpcUrl: string
  readonly wsUrl: string
  /** Accounts of the well-known test mnemonic; by default ten, each with 10,000 coins. */
  readonly accounts: readonly DevnetAccount[]
  readonly validators: readonly DevnetValidator[]
  readonly firstFinal: FirstFinal
  /** What the providers serve; empty without `hasGateways`. */
  readonly gateways: readonly DevnetGateway[]
  /** Ends one validator: SIGKILL, the default for one with a process of its own, is a crash; SIGTERM closes it in order. */
  stopValidator(index: number, signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>
  /** Starts one again; resolves once it answers JSON-RPC. */
  startValidator(index: number): Promise<void>
  /** Sets the chain's clock forward. The next block ends the running window if its end has come, and no other. Like all that follows, for a devnet in one process. */
  increaseTime(ms: number): void
  /** Makes blocks, although nothing waits, `intervalMs` of the chain's time apart or as soon as it allows; default one. */
  mine(options?: { readonly count?: number; readonly intervalMs?: number }): Promise<void>
  /** Ends capacity windows one after another, with the blocks that each end brings; default one. */
  passWindows(count?: number): Promise<void>
  /** Remembers the newest block; the number that `revert` takes. */
  snapshot(): Promise<number>
  /** Takes all validators back to the block and the time of a snapshot; false when there is none of this number. */
  revert(snapshot: number): Promise<boolean>
  /** The links between the validators now, each direction by itself. Like all that changes them, for a devnet with links. */
  links(): readonly LinkState[]
  /** Changes the links of this direction; without `from` or `to` all that match, and what is not named stays. */
  setLink(change: LinkChange & { readonly from?: number; readonly to?: number }): void
  /** Nothing passes between two groups of validators; those that no group names form one more. */
  partition(groups: readonly (readonly number[])[]): void
  /** Makes all links as they were at the start. */
  heal(): void
  /** JSON-RPC of the devnet itself, with the methods for its links; undefined without, or where its validators have them. */
  readonly controlUrl: string | undefined
  /** Resolves when the last validator has ended by itself. */
  readonly allLost: Promise<void>
  /** Stops every validator and resolves once all have ended. */
  close(): Promise<void>
}
