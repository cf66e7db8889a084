// The links of a devnet as its user sees them: latency, jitter, loss and bandwidth at the start and at run time, partitions.
// Owns: the units, what is healed. Not: the proxies (linkMesh.ts), the methods' form (rpc/dev/links.ts).
import type { LinkChange, LinkControl, LinkState } from '../rpc/dev/linkTypes.ts'
import { LinkMesh } from './linkMesh.ts'
import type { LinkRule } from './linkProxy.ts'
import type { DevnetMember } from './member.ts'

const KIB = 1_024

export const NO_LINKS_ALONE = 'a single validator has no links: start the devnet with two validators at least'
export const NO_LINKS =
  'this devnet has no links to change: start it with --links, --latency, --jitter or --loss'

export class DevLinks implements LinkControl {
  readonly count: number
  readonly #mesh: LinkMesh
  readonly #start: LinkChange

  private constructor(options: {
    readonly mesh: LinkMesh
    readonly start: LinkChange
    readonly count: number
  }) {
    this.#mesh = options.mesh
    this.#start = options.start
    this.count = options.count
  }

  /** Opens a proxy for each pair of members, as slow as `start` says. */
  static async open(members: readonly DevnetMember[], start: LinkChange): Promise<DevLinks> {
    const mesh = await LinkMesh.open(members, { next: Math.random })
    const links = new DevLinks({ mesh, start, count: members.length })
    links.heal()
    return links
  }

  /** Where a member dials the others. */
  addressesOf(index: number): readonly string[] {
    return this.#mesh.addressesOf(index)
  }

  list(): readonly LinkState[] {
    return this.#mesh.pairs().map(([from, to]) => {
      const { delayMs, jitterMs, lossRate, bytesPerSecond, isStalled } = this.#mesh.rule(from, to)
      return {
        from,
        to,
        latencyMs: delayMs,
        jitterMs,
        lossPercent: lossRate * 100,
        kibPerSecond: Number.isFinite(bytesPerSecond) ? bytesPerSecond / KIB : null,
        isStalled,
      }
    })
  }

  set({ from, to, change }: Parameters<LinkControl['set']>[0]): void {
    this.#mesh.setAll(
      ruleOf(change),
      (one, other) => (from === undefined || one === from) && (to === undefined || other === to),
    )
  }

  partition(groups: readonly (readonly number[])[]): void {
    const groupOf = (index: number): number => groups.findIndex((group) => group.includes(index))
    this.#mesh.setAll({ isStalled: true }, (from, to) => groupOf(from) !== groupOf(to))
  }

  heal(): void {
    this.#mesh.heal()
    this.#mesh.setAll(ruleOf(this.#start))
  }

  close(): Promise<void> {
    return this.#mesh.close()
  }
}

function ruleOf(change: LinkChange): Partial<LinkRule> {
  const { latencyMs, jitterMs, lossPercent, kibPerSecond, isStalled } = change
  return {
    ...(latencyMs === undefined ? {} : { delayMs: latencyMs }),
    ...(jitterMs === undefined ? {} : { jitterMs }),
    ...(lossPercent === undefined ? {} : { lossRate: lossPercent / 100 }),
    ...(kibPerSecond === undefined
      ? {}
      : { bytesPerSecond: kibPerSecond === null ? Number.POSITIVE_INFINITY : kibPerSecond * KIB }),
    ...(isStalled === undefined ? {} : { isStalled }),
  }
}
