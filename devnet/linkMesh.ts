// The links of a network: a proxy per pair of nodes and dialling direction. Owns: rules per direction of data.
// Not: forwarding bytes (linkProxy.ts), who changes the rules (links.ts).
import { GOOD_LINK, LinkProxy, type LinkRule } from './linkProxy.ts'
import type { DevnetMember } from './member.ts'

/** An address at which nobody listens: whoever learnt a member's own address would go past the proxies. */
export const NOWHERE = '/ip4/127.0.0.1/tcp/9'

export class LinkMesh {
  readonly #members: readonly DevnetMember[]
  readonly #rules = new Map<string, LinkRule>()
  /** Key `from>to`: the proxy through which `from` dials `to`. */
  readonly #proxies = new Map<string, LinkProxy>()

  private constructor(members: readonly DevnetMember[]) {
    this.#members = members
  }

  static async open(members: readonly DevnetMember[], random: { next(): number }): Promise<LinkMesh> {
    const mesh = new LinkMesh(members)
    for (const from of members) {
      for (const to of members) {
        if (from === to) continue
        const proxy = await LinkProxy.open({
          targetPort: to.p2pPort,
          outward: () => mesh.rule(from.index, to.index),
          inward: () => mesh.rule(to.index, from.index),
          random: () => random.next(),
        })
        mesh.#proxies.set(`${from.index}>${to.index}`, proxy)
      }
    }
    return mesh
  }

  /** Multiaddrs of the others, as configured at `from`. */
  addressesOf(from: number): readonly string[] {
    return this.#members
      .filter(({ index }) => index !== from)
      .map(({ index, peerId }) => `/ip4/127.0.0.1/tcp/${this.#proxy(from, index).port}/p2p/${peerId}`)
  }

  /** The current rule for bytes from one node to another. */
  rule(from: number, to: number): LinkRule {
    return this.#rules.get(`${from}>${to}`) ?? GOOD_LINK
  }

  /** Changes one direction of data. */
  set(from: number, to: number, change: Partial<LinkRule>): void {
    this.#rules.set(`${from}>${to}`, { ...this.rule(from, to), ...change })
    this.#reconsiderAll()
  }

  /** Changes every direction selected by `selects`. */
  setAll(change: Partial<LinkRule>, selects: (from: number, to: number) => boolean = () => true): void {
    for (const [from, to] of this.pairs()) {
      if (selects(from, to)) this.#rules.set(`${from}>${to}`, { ...this.rule(from, to), ...change })
    }
    this.#reconsiderAll()
  }

  /** Heals every link; open connections stay. */
  heal(): void {
    this.#rules.clear()
    for (const proxy of this.#proxies.values()) proxy.isRefusing = false
    this.#reconsiderAll()
  }

  /** Resets all connections between two nodes. */
  reset(one: number, other: number): void {
    this.#proxy(one, other).reset()
    this.#proxy(other, one).reset()
  }

  /** Whether connections between two nodes are refused. */
  isCut(one: number, other: number): boolean {
    return this.#proxy(one, other).isRefusing
  }

  /** Resets all connections between two nodes and refuses new ones until `heal`. */
  cut(one: number, other: number): void {
    for (const proxy of [this.#proxy(one, other), this.#proxy(other, one)]) {
      proxy.isRefusing = true
      proxy.reset()
    }
  }

  /** Ordered pairs of different nodes. */
  pairs(): readonly (readonly [number, number])[] {
    const indexes = this.#members.map(({ index }) => index)
    return indexes.flatMap((from) => indexes.filter((to) => to !== from).map((to) => [from, to] as const))
  }

  /** Open connections through the proxies: at least one per pair when all nodes are connected. */
  connectionsOf(one: number, other: number): number {
    return this.#proxy(one, other).connectionCount + this.#proxy(other, one).connectionCount
  }

  async close(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()))
  }

  #proxy(from: number, to: number): LinkProxy {
    const proxy = this.#proxies.get(`${from}>${to}`)
    if (proxy === undefined) throw new Error(`no link ${from}>${to}`)
    return proxy
  }

  #reconsiderAll(): void {
    for (const proxy of this.#proxies.values()) proxy.reconsider()
  }
}
